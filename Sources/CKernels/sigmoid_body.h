// The exponential and what is made of it. Included by bodies; no include guard.

// exp(x), x taken as within -87 ... 88, relative error about 1e-7: x = n ln 2 + r, a polynomial in r, and n added to its
// exponent. Adding 1.5 * 2^23 rounds to an integer that then stands in the low bits.
INLINE vf FN(vexp)(vf x) {
  x = __builtin_elementwise_min(__builtin_elementwise_max(x, SPLAT(-87.0f)), SPLAT(88.0f));
  vf rounded = FMA(x, SPLAT(1.44269504088896341f), SPLAT(12582912.0f));
  vf n = rounded - SPLAT(12582912.0f);
  vf r = FMA(n, SPLAT(-0.693145751953125f), x);
  r = FMA(n, SPLAT(-1.42860682030941723e-6f), r);
  vf p = SPLAT(1.9875691500e-4f);
  p = FMA(p, r, SPLAT(1.3981999507e-3f));
  p = FMA(p, r, SPLAT(8.3334519073e-3f));
  p = FMA(p, r, SPLAT(4.1665795894e-2f));
  p = FMA(p, r, SPLAT(1.6666665459e-1f));
  p = FMA(p, r, SPLAT(5.0000001201e-1f));
  p = FMA(p, r * r, r + SPLAT(1.0f));
  vi exponent, bits;
  memcpy(&exponent, &rounded, sizeof exponent);
  memcpy(&bits, &p, sizeof bits);
  bits += exponent << 23;
  memcpy(&p, &bits, sizeof p);
  return p;
}

INLINE vf FN(vsigmoid)(vf x) { return SPLAT(1.0f) / (SPLAT(1.0f) + FN(vexp)(-x)); }

// x * sigmoid(x)
INLINE vf FN(vsilu)(vf x) { return x / (SPLAT(1.0f) + FN(vexp)(-x)); }
