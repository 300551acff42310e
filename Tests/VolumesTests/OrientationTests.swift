import Testing
import Volumes

@Test("Axis codes equal nibabel's", arguments: ReferenceFixtures.all.codes.indices)
func axisCodes(index: Int) {
  let reference = ReferenceFixtures.all.codes[index]
  let orientation = Orientation(Affine(rows: reference.affine))
  #expect(orientation.description == reference.code)
  #expect(Orientation(code: reference.code) == orientation)
}

@Test("Known orientations")
func knownOrientations() {
  #expect(Orientation(.scaling([1, 1, 1])).description == "RAS")
  #expect(Orientation(Affine(rows: [[-1, 0, 0, 9], [0, -1, 0, 9], [0, 0, 2, 9]])).description == "LPS")
  #expect(Orientation(Affine(rows: [[0, 0, 3, 0], [-1, 0, 0, 0], [0, -1, 0, 0]])).description == "PIR")
}

@Test("Words that are no orientation are refused", arguments: ["", "RA", "RRS", "RLS", "XYZ", "RASR"])
func noOrientation(code: String) { #expect(Orientation(code: code) == nil) }

@Test("Steps between orientations carry every axis to its place")
func steps() throws {
  let from = try #require(Orientation(code: "PIR"))
  let (order, flipped) = from.steps(to: try #require(Orientation(code: "RAS")))
  #expect(order == [2, 0, 1])
  #expect(flipped == [false, true, true])
  let codes = ["RAS", "LPS", "PIR", "SAL", "IRP"]
  for a in codes {
    for b in codes {
      let (order, flipped) = Orientation(code: a)!.steps(to: Orientation(code: b)!)
      let turned = (0..<3).map { index in
        let axis = Orientation(code: a)!.axes[order[index]]
        return Orientation.Axis(world: axis.world, isPositive: axis.isPositive != flipped[index])
      }
      #expect(turned == Orientation(code: b)!.axes)
    }
  }
}
