package main

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// releaseMapped lets go of the pages of the program, and of other files that are mapped to be read:
// most were needed to start, or lie beside those that were. What is needed is mapped again when it
// is; the system has it in memory, as it has files. Nothing is lost where this fails. See MADV_DONTNEED in
// https://man7.org/linux/man-pages/man2/madvise.2.html.
func releaseMapped() {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	for _, m := range cleanMappings(f) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED)
	}
}

// addresses are those from start on, and before end.
type addresses struct{ start, end uintptr }

// cleanMappings gives the mappings of files that nobody may write to and nobody has: a page that is
// not as it is in the file would be lost. There are such in what the dynamic linker has relocated,
// and where a debugger has set a breakpoint. It reads
// https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html.
func cleanMappings(smaps io.Reader) (clean []addresses) {
	candidate := false // what is read is about the last of clean
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		if from, to, ok := strings.Cut(fields[0], "-"); ok {
			candidate = len(fields) == 6 && strings.HasPrefix(fields[1], "r-") && strings.HasPrefix(fields[5], "/")
			if candidate {
				start, _ := strconv.ParseUint(from, 16, 64)
				end, _ := strconv.ParseUint(to, 16, 64)
				clean = append(clean, addresses{uintptr(start), uintptr(end)})
			}
			continue
		}
		if candidate && fields[1] != "0" && (fields[0] == "Anonymous:" || fields[0] == "Swap:") {
			clean, candidate = clean[:len(clean)-1], false
		}
	}
	return clean
}
