import Diffusion
import Testing

struct LabelSetTests {
  @Test(arguments: [
    (10, [0, 99, 199, 299, 399, 499, 599, 699, 799, 899, 999]), (5, [0, 199, 399, 599, 799, 999]),
    (3, [0, 332, 665, 998]), (7, [0, 141, 283, 425, 567, 709, 851, 993]), (1, [0, 999]), (2, [0, 499, 999]),
  ])
  func `uniform sets are those of the published code`(_ steps: Int, _ labels: [Int]) throws {
    #expect(try LabelSet(named: "uniform-\(steps)").labels == labels)
  }

  @Test(arguments: [(20, 21, 49, 999), (100, 101, 9, 999), (15, 16, 65, 989), (300, 334, 2, 998)])
  func `larger uniform sets have the tabulated counts and ends`(
    _ steps: Int, _ count: Int, _ second: Int, _ last: Int
  ) throws {
    let labels = try LabelSet(uniform: steps).labels
    #expect(labels.count == count)
    #expect(labels[0] == 0 && labels[1] == second && labels.last == last)
  }

  @Test(arguments: [600, 1000])
  func `uniform sets of step one hold label 0 twice`(_ steps: Int) throws {
    #expect(try LabelSet(uniform: steps).labels == [0] + Array(0...999))
  }

  /// The formula gives 809 as the thirteenth label of K = 20: 699 + 4 · 300/11 is 808.09, rounded up.
  @Test(arguments: [
    (10, [0, 199, 399, 599, 699, 799, 849, 899, 949, 999]),
    (15, [0, 117, 233, 350, 466, 583, 699, 737, 774, 812, 849, 887, 924, 962, 999]),
    (20, [0, 88, 175, 263, 350, 437, 525, 612, 699, 727, 754, 781, 809, 836, 863, 890, 918, 945, 972, 999]),
    (5, [0, 350, 699, 849, 999]), (6, [0, 350, 699, 849, 999]), (7, [0, 350, 699, 799, 899, 999]),
  ])
  func `non-uniform sets are those of the published code`(_ steps: Int, _ labels: [Int]) throws {
    #expect(try LabelSet(named: "non-uniform-\(steps)").labels == labels)
  }

  /// Fingerprints of all sets, from numpy's `linspace` and `arange`: h ← (1000003·h + v + 1) mod (2⁶¹ − 1) over the
  /// count and the labels of each set in turn.
  @Test func `every set up to 1000 steps agrees with numpy`() throws {
    func fingerprint(_ sets: [LabelSet]) -> UInt64 {
      let modulus: UInt64 = (1 << 61) - 1
      return sets.flatMap { [$0.labels.count] + $0.labels }.reduce(0) { hash, value in
        let product = hash.multipliedFullWidth(by: 1_000_003)
        let rest = modulus.dividingFullWidth((product.high, product.low)).remainder
        return (rest + UInt64(value) + 1) % modulus
      }
    }
    #expect(fingerprint(try (1...1000).map { try LabelSet(uniform: $0) }) == 1_202_102_792_625_427_231)
    #expect(
      fingerprint(try (5...1000).filter { $0 != 10 }.map { try LabelSet(nonUniform: $0) }) == 1_825_515_154_317_386_868)
  }

  @Test func `the count of a non-uniform set equals K only at multiples of five`() throws {
    for steps in 5...100 where steps != 10 {
      #expect((try LabelSet(nonUniform: steps).labels.count == steps) == (steps % 5 == 0))
    }
  }

  @Test(arguments: ["uniform-0", "uniform-1001", "non-uniform-4", "non-uniform-1", "non-uniform-1001"])
  func `sets that do not exist are refused with the range`(_ name: String) {
    #expect { try LabelSet(named: name) } throws: { error in
      guard let error = error as? DiffusionError else { return false }
      return error.kind == .parameterOutOfRange && error.description.contains("1000")
    }
  }

  @Test(arguments: ["", "uniform", "uniform-", "uniform-ten", "uniform--5", "uniform-+5", "Uniform-10", "quad-10"])
  func `other names are refused`(_ name: String) {
    #expect { try LabelSet(named: name) } throws: { ($0 as? DiffusionError)?.kind == .unknownName }
  }

  @Test func `a custom set must ascend within the training grid`() throws {
    #expect(try LabelSet(name: "mine", labels: [3, 500, 999]).labels == [3, 500, 999])
    for labels in [[], [5, 4], [-1, 3], [0, 1000]] {
      #expect(throws: DiffusionError.self) { try LabelSet(name: "mine", labels: labels) }
    }
  }

  @Test(arguments: [
    ("uniform-10", 10, "uniform-10"), ("uniform-10", 5, "uniform-5"), ("uniform-10", 2, "uniform-2"),
    ("uniform-10", 1, "uniform-1"), ("non-uniform-10", 10, "non-uniform-10"), ("non-uniform-10", 5, "uniform-5"),
    ("uniform-100", 10, "uniform-10"), ("uniform-1000", 37, "uniform-37"), ("uniform-1000", 10, "uniform-10"),
  ])
  func `steps choose a subset of the trained labels`(_ trained: String, _ steps: Int, _ chosen: String) throws {
    let set = try LabelSet.subset(of: LabelSet(named: trained), steps: steps)
    #expect(set.name == chosen)
    #expect(Set(try LabelSet(named: trained).labels).isSuperset(of: set.labels))
  }

  @Test func `steps that the training does not allow name those that it does`() throws {
    let trained = try LabelSet(named: "uniform-10")
    for steps in [0, -1, 3, 11, 20, 1000, 5000] {
      #expect { try LabelSet.subset(of: trained, steps: steps) } throws: { error in
        guard let error = error as? DiffusionError else { return false }
        return error.kind == .stepsNotAvailable && error.description.hasSuffix("possible: 1, 2, 5, 10")
      }
    }
  }

  @Test func `a custom set is sampled with its own number of labels`() throws {
    let trained = try LabelSet(name: "mine", labels: [0, 499, 700, 999])
    #expect(try LabelSet.subset(of: trained, steps: 4) == trained)
    #expect(try LabelSet.subset(of: trained, steps: 2).name == "uniform-2")
  }
}

@Suite("Label sets without label 0")
struct LabelSetWithoutZeroTests {
  @Test("The suffix leaves out label 0 and keeps K")
  func names() throws {
    let set = try LabelSet(named: "uniform-10-without-0")
    #expect(set.labels == [99, 199, 299, 399, 499, 599, 699, 799, 899, 999])
    #expect(set.steps == 10)
    #expect(try LabelSet(named: "non-uniform-10-without-0").labels.count == 9)
    #expect(throws: DiffusionError.self) { try LabelSet(named: "uniform-without-0") }
  }

  @Test("Fewer steps leave out label 0 as well")
  func subset() throws {
    let trained = try LabelSet(named: "uniform-10-without-0")
    #expect(try LabelSet.subset(of: trained, steps: 10) == trained)
    #expect(try LabelSet.subset(of: trained, steps: 5).labels == [199, 399, 599, 799, 999])
    #expect(throws: DiffusionError.self) { try LabelSet.subset(of: trained, steps: 7) }
  }
}
