package supervise

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

var errEnded = errors.New("the process has ended")

// startTime gives field 22 of /proc/PID/stat (proc_pid_stat(5)), clock ticks since boot.
// A process that has ended but was not waited for is an error.
func startTime(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The name, in parentheses, may hold anything.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("unexpected /proc/%d/stat", pid)
	}
	if s := fields[0][0]; s == 'Z' || s == 'X' {
		return "", errEnded
	}
	return string(fields[19]), nil
}

// commandLine gives the arguments of a process.
func commandLine(pid int) ([]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00"), nil
}

// findByArgument finds the processes of this user that have an argument.
func findByArgument(argument string) []identity {
	dirs, _ := filepath.Glob("/proc/[0-9]*") // fails only on a bad pattern
	var found []identity
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		args, err := commandLine(pid)
		if err != nil || !slices.Contains(args, argument) {
			continue
		}
		if began, err := startTime(pid); err == nil {
			found = append(found, identity{pid, began})
		}
	}
	return found
}
