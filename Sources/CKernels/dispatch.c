#include "ck_dispatch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_int current = -1;
static _Thread_local int forced = -1;

ck_isa_t ck_best_isa(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    return CK_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CK_AVX2;
#endif
  return CK_PORTABLE;
}

static ck_isa_t isa_from_environment(void) {
  ck_isa_t best = ck_best_isa(), wanted = best;
  const char *name = getenv("PELLUCID_ISA");
  if (name && !strcmp(name, "portable")) wanted = CK_PORTABLE;
  if (name && !strcmp(name, "avx2")) wanted = CK_AVX2;
  return wanted < best ? wanted : best;
}

ck_isa_t ck_isa(void) {
  if (forced >= 0) return (ck_isa_t)forced;
  int isa = atomic_load_explicit(&current, memory_order_relaxed);
  if (isa < 0) {
    isa = isa_from_environment();
    atomic_store_explicit(&current, isa, memory_order_relaxed);
  }
  return (ck_isa_t)isa;
}

int ck_forced_isa(void) { return forced; }

void ck_force_isa(int isa) {
  if (isa < 0 || isa <= (int)ck_best_isa()) forced = isa;
}

static _Thread_local int forced_threads = 0;

int ck_forced_threads(void) { return forced_threads; }

void ck_force_threads(int count) { forced_threads = count; }
