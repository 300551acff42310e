#ifndef CKERNELS_H
#define CKERNELS_H
// Every hot loop, behind one entry point each. Private headers lie beside the sources.
#include "ck_activation.h"
#include "ck_conv_input.h"
#include "ck_convolution.h"
#include "ck_dispatch.h"
#include "ck_elementwise.h"
#include "ck_filters.h"
#include "ck_group_norm.h"
#include "ck_linear.h"
#include "ck_moments.h"
#include "ck_pause.h"
#include "ck_radon.h"
#include "ck_random.h"
#include "ck_winograd.h"
#endif
