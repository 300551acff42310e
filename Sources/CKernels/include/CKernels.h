#ifndef CKERNELS_H
#define CKERNELS_H
// Every hot loop, behind one entry point each. Private headers lie beside the sources.
#include "ck_random.h"
#endif
