import Foundation
import TensorCore
import TestSupport
import Testing

@Suite("Tensors on the disk") struct TensorSpillTests {
  @Test("values are as they were after their pages were given back, and nothing is left in the folder")
  func values() throws {
    try withTemporaryFolder { folder in
      let (tensor, most) = TensorSpill.during(tensorsFrom: 1 << 20, in: folder) {
        var tensor = Tensor(repeating: 0, shape: [3, 1 << 18])
        tensor.withUnsafeMutableBuffer { for i in 0..<$0.count { $0[i] = Float(i % 8191) } }
        // Pages go a hundred times a second.
        usleep(100_000)
        #expect((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) == [])
        return tensor
      }
      #expect(most == 3 << 20)
      #expect(tensor.values.enumerated().allSatisfy { $1 == Float($0 % 8191) })
    }
  }

  @Test("small tensors stay in memory, as do those of suspended work, and all of them where the folder has no room")
  func inMemory() throws {
    try withTemporaryFolder { folder in
      func most(_ folder: URL, _ body: () -> Void) -> Int {
        TensorSpill.during(tensorsFrom: 1 << 20, in: folder, body).mostBytes
      }
      #expect(most(folder) { _ = Tensor(repeating: 1, shape: [1 << 17]) } == 0)
      #expect(most(folder) { TensorSpill.suspended { _ = Tensor(repeating: 1, shape: [1 << 19]) } } == 0)
      #expect(most(folder) { _ = Tensor(repeating: 1, shape: [1 << 19]) } == 2 << 20)
      #expect(most(folder.appendingPathComponent("not there")) { _ = Tensor(repeating: 1, shape: [1 << 19]) } == 0)
    }
  }

  @Test("a tensor that is written while its pages go keeps every value")
  func concurrent() throws {
    try withTemporaryFolder { folder in
      let tensor = TensorSpill.during(tensorsFrom: 1 << 20, in: folder) {
        var tensor = Tensor(repeating: 0, shape: [1 << 21])
        let end = ContinuousClock.now + .milliseconds(300)
        var round: Float = 0
        while ContinuousClock.now < end {
          round += 1
          tensor.withUnsafeMutableBuffer { for i in 0..<$0.count { $0[i] += 1 } }
        }
        #expect(tensor.values.allSatisfy { $0 == round })
        return tensor
      }.result
      #expect(tensor.values[0] > 1)
    }
  }
}
