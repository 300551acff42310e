import Foundation
import TensorCore
import Testing

@Suite("Tensors are values")
struct TensorTests {
  @Test("Writing to a copy leaves the original") func copyOnWrite() {
    let a = Tensor([1, 2, 3, 4], shape: [2, 2])
    var b = a
    b[flat: 0] = 9
    #expect(a.values == [1, 2, 3, 4])
    #expect(b.values == [9, 2, 3, 4])
    #expect(b.reshaped([4]).shape == [4])
  }

  @Test("Slices, concatenation and channels put elements where they belong") func rearranging() {
    let a = Tensor((0..<12).map { Float($0) }, shape: [2, 1, 2, 3])
    #expect(a.slice(1..<2).values == [6, 7, 8, 9, 10, 11])
    #expect(Tensor.concatenate([a.slice(1..<2), a.slice(0..<1)]).values == [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5])
    #expect(a.channels(1..<3).values == [1, 2, 4, 5, 7, 8, 10, 11])
    #expect(a.channels(0..<1).concatenatingChannels(a.channels(1..<3)) == a)
  }

  @Test("Upsampling repeats pixels, and summing blocks is its transpose") func upsampling() {
    let a = Tensor([1, 2, 3, 4], shape: [1, 2, 2, 1])
    #expect(
      FusedImages([a], upsampled: true).materialized().values == [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4])
    let x = PhiloxRandomSource(seed: 1).normal(shape: [2, 3, 5, 7])
    let y = PhiloxRandomSource(seed: 2).normal(shape: [2, 6, 10, 7])
    let left = zip(FusedImages([x], upsampled: true).materialized().values, y.values).reduce(0.0) {
      $0 + Double($1.0) * Double($1.1)
    }
    let right = zip(x.values, y.summedBlocks().values).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    #expect(abs(left - right) < 1e-3)
  }

  @Test("Equality is of bits") func equality() {
    let nan = Tensor([.nan], shape: [1])
    #expect(nan == nan)
    #expect(Tensor([0], shape: [1]) != Tensor([-0.0], shape: [1]))
    #expect(Tensor([0], shape: [1]) != Tensor([0], shape: [1, 1]))
  }

  @Test("Arithmetic over more than one piece, the same bits for 1, 2 and 3 threads") func arithmetic() {
    let count = 150_001
    let a = PhiloxRandomSource(seed: 1).normal(shape: [count])
    let b = PhiloxRandomSource(seed: 2).normal(shape: [count])
    let results = [1, 2, 3].map { threads in
      Parallel.using(threads: threads) {
        var c = a
        c.add(b)
        c.scale(by: 0.5, adding: b, times: -2)
        return c
      }
    }
    #expect(results[0] == results[1] && results[0] == results[2])
    for i in stride(from: 0, to: count, by: 9973) {
      #expect(abs(results[0][flat: i] - (0.5 * (a[flat: i] + b[flat: i]) - 2 * b[flat: i])) < 1e-5)
    }
  }

  @Test("Channel sums equal the definition") func sums() {
    let x = PhiloxRandomSource(seed: 1).normal(shape: [2, 3, 4, 5])
    for channel in 0..<5 {
      let expected = stride(from: channel, to: x.count, by: 5).reduce(0.0) { $0 + Double(x[flat: $1]) }
      #expect(abs(Double(x.channelSums()[flat: channel]) - expected) < 1e-5)
    }
    #expect(abs(x.imageChannelSums()[flat: 5] - x.slice(1..<2).channelSums()[flat: 0]) < 1e-6)
  }

  @Test("Channels of images with more pixels than are done at a time, the same bits for 1, 2 and 3 threads")
  func manyPixels() {
    let x = PhiloxRandomSource(seed: 3).normal(shape: [2, 97, 101, 7])
    let results = [1, 2, 3].map { threads in
      Parallel.using(threads: threads) { (x.imageChannelSums(), x.channelSums(), x.channels(2..<5)) }
    }
    let (perImage, all, some) = results[0]
    for other in results.dropFirst() { #expect(other.0 == perImage && other.1 == all && other.2 == some) }
    for at in 0..<14 {
      let start = at / 7 * 97 * 101 * 7 + at % 7
      let expected = stride(from: start, to: start + 97 * 101 * 7 - at % 7, by: 7)
        .reduce(0.0) { $0 + Double(x[flat: $1]) }
      #expect(abs(Double(perImage[flat: at]) - expected) < 1e-4)
      #expect(abs(Double(all[flat: at % 7] - perImage[flat: at] - perImage[flat: (at + 7) % 14])) < 1e-4)
    }
    #expect((0..<some.count).allSatisfy { some[flat: $0] == x[flat: $0 / 3 * 7 + 2 + $0 % 3] })
  }

  @Test("Attention equals softmax(q k^T / sqrt c) v written out, whatever the threads") func attention() {
    let (n, pixels, c) = (2, 300, 6)
    let q = PhiloxRandomSource(seed: 1).normal(shape: [n, pixels, c])
    let k = PhiloxRandomSource(seed: 2).normal(shape: [n, pixels, c])
    let v = PhiloxRandomSource(seed: 3).normal(shape: [n, pixels, c])
    let outputs = [1, 2, 3].map { threads in
      Parallel.using(threads: threads) { Attention.forward(q: q, k: k, v: v) }
    }
    #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
    for (image, pixel) in [(0, 0), (0, 299), (1, 17), (1, 256)] {
      let weights = (0..<pixels).map { other in
        exp(
          (0..<c).reduce(0.0) { sum, i in
            sum + Double(q[flat: (image * pixels + pixel) * c + i]) * Double(k[flat: (image * pixels + other) * c + i])
          } / Double(c).squareRoot())
      }
      let total = weights.reduce(0, +)
      for i in 0..<c {
        let expected = weights.indices.reduce(0.0) { sum, other in
          sum + weights[other] / total * Double(v[flat: (image * pixels + other) * c + i])
        }
        #expect(abs(Double(outputs[0][flat: (image * pixels + pixel) * c + i]) - expected) < 1e-5)
      }
    }
  }
}
