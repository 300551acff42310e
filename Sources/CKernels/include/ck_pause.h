#ifndef CK_PAUSE_H
#define CK_PAUSE_H

/// Tells the processor that this thread does nothing but wait for another.
static inline void ck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
#endif
