//go:build !linux

package supervise

import (
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

var errEnded = errors.New("the process has ended")

// startTime asks ps, which every Unix has.
func startTime(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return "", err
	}
	state, began, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if state == "" || strings.HasPrefix(state, "Z") {
		return "", errEnded
	}
	return strings.TrimSpace(began), nil
}

// commandLine gives the arguments of a process; one with spaces comes in pieces.
func commandLine(pid int) ([]string, error) {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return strings.Fields(string(out)), err
}

// findByArgument finds the processes of this user that have an argument.
func findByArgument(argument string) []identity {
	out, err := exec.Command("ps", "-xww", "-o", "pid=,command=").Output()
	if err != nil {
		return nil
	}
	var found []identity
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.Contains(fields[1:], argument) {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		if err != nil {
			continue
		}
		if began, err := startTime(pid); err == nil {
			found = append(found, identity{pid, began})
		}
	}
	return found
}
