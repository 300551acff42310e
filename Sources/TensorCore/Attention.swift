import CKernels
import COpenBLAS

/// Single-head attention of every pixel to every pixel of its image: softmax(q kᵀ / √c) v.
///
/// Queries are worked off in blocks, so the whole matrix of weights is never in memory at once.
public enum Attention {
  /// Queries per block; fixed, so that results do not depend on the number of threads.
  private static let block = 64

  /// - Parameters:
  ///   - q: queries `[n, pixels, c]`.
  ///   - k: keys, same shape.
  ///   - v: values, same shape.
  /// - Returns: `[n, pixels, c]`.
  public static func forward(q: Tensor, k: Tensor, v: Tensor) -> Tensor {
    let (n, pixels, c) = extents(q, k, v)
    let pass = pass(images: n, pixels: pixels)
    let blocks = pass.calls / max(n, 1)
    var out = Tensor(uninitialized: q.shape)
    out.withUnsafeMutableBuffer { target in
      let target = SharedPointer(target.baseAddress!)
      Parallel.forEach(pass.calls, scratch: pass.scratch) { item, weights in
        let start = item / blocks * pixels * c
        let first = item % blocks * block
        let rows = min(block, pixels - first)
        attentionWeights(q.base + start + first * c, k.base + start, rows: rows, pixels: pixels, c: c, into: weights)
        multiply(weights, v.base + start, target + start + first * c, rows: rows, inner: pixels, columns: c)
      }
    }
    return out
  }

  /// Blocks of queries of all images, and the floats of scratch that each needs.
  static func pass(images: Int, pixels: Int) -> (calls: Int, scratch: Int) {
    (images * ((pixels + block - 1) / block), min(block, pixels) * pixels)
  }

  /// Gradients with respect to q, k and v; the weights are computed again.
  public static func gradients(
    q: Tensor, k: Tensor, v: Tensor, outGradient: Tensor
  ) -> (q: Tensor, k: Tensor, v: Tensor) {
    let (n, pixels, c) = extents(q, k, v)
    var (dq, dk, dv) = (
      Tensor(uninitialized: q.shape), Tensor(repeating: 0, shape: q.shape), Tensor(repeating: 0, shape: q.shape)
    )
    dq.withUnsafeMutableBuffer { dq in
      dk.withUnsafeMutableBuffer { dk in
        dv.withUnsafeMutableBuffer { dv in
          let (dq, dk, dv) = (
            SharedPointer(dq.baseAddress!), SharedPointer(dk.baseAddress!), SharedPointer(dv.baseAddress!)
          )
          let size = min(block, pixels) * pixels
          Parallel.forEach(n, scratch: 2 * size) { image, scratch in
            let start = image * pixels * c
            let (weights, gradient) = (scratch, scratch + size)
            for first in stride(from: 0, to: pixels, by: block) {
              let rows = min(block, pixels - first)
              let at = start + first * c
              attentionWeights(
                q.base + at, k.base + start, rows: rows, pixels: pixels, c: c, into: weights)
              // dv += Pᵀ dout;  dP = dout vᵀ;  dS = softmax'(dP) / √c;  dq = dS k;  dk += dSᵀ q
              multiply(
                weights, outGradient.base + at, dv + start, rows: pixels, inner: rows, columns: c,
                transposeA: true, accumulate: true)
              multiply(
                outGradient.base + at, v.base + start, gradient, rows: rows, inner: c, columns: pixels,
                transposeB: true)
              ck_softmax_gradient_rows(
                weights, gradient, rows, pixels, scale(c), gradient)
              multiply(gradient, k.base + start, dq + at, rows: rows, inner: pixels, columns: c)
              multiply(
                gradient, q.base + at, dk + start, rows: pixels, inner: rows, columns: c, transposeA: true,
                accumulate: true)
            }
          }
        }
      }
    }
    return (dq, dk, dv)
  }

  private static func scale(_ c: Int) -> Float { 1 / Float(c).squareRoot() }

  private static func extents(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> (n: Int, pixels: Int, c: Int) {
    precondition(q.shape.count == 3 && q.shape == k.shape && q.shape == v.shape)
    return (q.shape[0], q.shape[1], q.shape[2])
  }

  private static func attentionWeights(
    _ q: UnsafePointer<Float>, _ k: UnsafePointer<Float>, rows: Int, pixels: Int, c: Int,
    into weights: UnsafeMutablePointer<Float>
  ) {
    multiply(q, k, weights, rows: rows, inner: c, columns: pixels, transposeB: true)
    ck_softmax_rows(weights, rows, pixels, scale(c))
  }

  /// out = A B (+ out), A `[rows, inner]` and B `[inner, columns]`, either given transposed.
  static func multiply(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, rows: Int, inner: Int,
    columns: Int, transposeA: Bool = false, transposeB: Bool = false, accumulate: Bool = false
  ) {
    ComputeBackend.singleThreadedBLAS
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, Int32(rows),
      Int32(columns), Int32(inner), 1, a, Int32(transposeA ? rows : inner), b, Int32(transposeB ? inner : columns),
      accumulate ? 1 : 0, out, Int32(columns))
  }
}
