import TensorCore
import Testing
import Transforms

@Suite("Slice stack") struct SliceStackTests {
  @Test("reflection mirrors at the ends without repeating them, however far, and repeats a single voxel")
  func reflection() {
    #expect((-3..<9).map { SliceStack.reflected($0, extent: 4) } == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2])
    #expect((0..<5).map { SliceStack.reflected($0, extent: 1) } == [0, 0, 0, 0, 0])
    #expect((0..<5).map { SliceStack.reflected($0, extent: 2) } == [0, 1, 0, 1, 0])
  }

  @Test("a padded image shows the slice at its corner and its mirror beyond")
  func padding() {
    let voxels = Tensor([0, 1, 2, 10, 11, 12], shape: [1, 1, 2, 3])
    let stack = SliceStack(slices: 1, rows: 2, columns: 3, multiple: 4)
    let image = stack.images(0..<1, ofFrame: 0, from: voxels)
    #expect(image.shape == [1, 4, 4, 1])
    #expect(image.values == [0, 1, 2, 1, 10, 11, 12, 11, 0, 1, 2, 1, 10, 11, 12, 11])
  }

  @Test(
    "every voxel comes back to its place, for any extents",
    arguments: [[1, 1, 1, 1], [2, 3, 5, 7], [1, 4, 8, 8], [2, 1, 1, 9], [1, 2, 9, 1]])
  func roundTrip(shape: [Int]) {
    let count = shape.reduce(1, *)
    let voxels = Tensor((0..<count).map(Float.init), shape: shape)
    let stack = SliceStack(slices: shape[1], rows: shape[2], columns: shape[3], multiple: 4)
    var back = Tensor(repeating: -1, shape: shape)
    for frame in 0..<shape[0] {
      for start in stride(from: 0, to: shape[1], by: 2) {
        let range = start..<min(start + 2, shape[1])
        stack.place(stack.images(range, ofFrame: frame, from: voxels), at: range, ofFrame: frame, in: &back)
      }
    }
    #expect(back == voxels)
  }
}
