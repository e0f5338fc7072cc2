package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Pages of the program that were needed once go, and the program goes on with those that it needs.
func TestReleaseMapped(t *testing.T) {
	before := residentFiles(t)
	releaseMapped()
	if after := residentFiles(t); after > before/2 {
		t.Errorf("%d KiB of files are resident, and %d before", after, before)
	}
}

// residentFiles gives the memory of this process that is mapped from files, in KiB.
func residentFiles(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nRssFile:")
	if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

// Only files that are as they were are let go of.
func TestCleanMappings(t *testing.T) {
	smaps := func(header string, anonymous, swap int) string {
		return fmt.Sprintf("%s\nSize: 8 kB\nRss: 8 kB\nAnonymous: %d kB\nSwap: %d kB\nVmFlags: rd mr mw me sd\n", header, anonymous, swap)
	}
	const file = "00000000 fe:00 99 /bin/gateway-cp"
	got := cleanMappings(strings.NewReader(
		smaps("1000-3000 r-xp "+file, 0, 0) +
			smaps("3000-5000 r--p "+file, 4, 0) + // relocated
			smaps("5000-7000 r--p "+file, 0, 4) + // and swapped out
			smaps("7000-9000 rw-p "+file, 0, 0) +
			smaps("9000-b000 r--p 00000000 00:00 0", 0, 0) +
			smaps("b000-d000 r-xp 00000000 00:00 0 [vdso]", 0, 0) +
			smaps("d000-f000 r--s 00000000 fe:00 98 /state.db", 0, 0)))
	if want := []addresses{{0x1000, 0x3000}, {0xd000, 0xf000}}; !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}
