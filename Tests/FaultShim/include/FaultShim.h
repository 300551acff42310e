// A library for LD_PRELOAD that counts the calls by which a process and its children change files below one folder, and
// makes one of them go wrong. It exports what it stands in for and nothing else; the environment says what to do:
//
//   FAULT_FOLDER   calls on paths below it count; nothing is done without it
//   FAULT_STATE    a file of at least 16 bytes, shared by all processes: two 64-bit counters, calls and faults
//   FAULT_OPS      which calls count, such as `write,fsync`; all if not given
//   FAULT_PATH     only calls whose path contains this text count
//   FAULT_AT       the number of the call that goes wrong, from 1
//   FAULT_SPAN     how many calls in a row go wrong; 1 if not given, 0 for all that follow
//   FAULT_ACTION   kill-before, kill-after   kill -9 of the whole process group, before or after the call
//                  stop                      the process stops itself (SIGSTOP) before the call
//                  errno:N                   the call is not made and fails with N
//                  done:N                    the call is made and fails with N all the same, as over a network
//                  short                     half of the bytes are written
//   FAULT_FREE     set: the disk says that it has room, so that a full one is met only when it is written to
//   FAULT_NOTICES  fail: inotify cannot be had; full: no folder can be watched; lost: no notice ever comes
//   FAULT_TRACE    a file that gets a line for each call that counts
#ifndef FaultShim_H
#define FaultShim_H
#endif
