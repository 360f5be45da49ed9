package command

import (
	"time"

	"golang.org/x/sys/unix"
)

// benchClock says what threadTime counts.
const benchClock = "processor time of the one thread that nets: neither what others run meanwhile nor the collector's own threads are in it"

// threadTime is the processor time that the calling thread has had.
func threadTime() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}
