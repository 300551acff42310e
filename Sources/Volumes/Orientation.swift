/// Which way a volume's stored axes run: the algebra of axis codes.
///
/// A code such as "RAS" says, for columns, rows and slices in turn, where the index grows to: Right or Left, Anterior or
/// Posterior, Superior or Inferior. It is the nearest such answer for an oblique volume.
public struct Orientation: Sendable, Equatable, CustomStringConvertible {
  /// One stored axis: the scanner axis it is nearest to (0 left-right, 1 posterior-anterior, 2 inferior-superior) and
  /// whether it runs towards R, A or S.
  public struct Axis: Sendable, Equatable {
    /// Scanner axis, 0...2.
    public var world: Int
    /// Towards right, anterior or superior.
    public var isPositive: Bool

    /// An axis from its parts.
    public init(world: Int, isPositive: Bool) {
      self.world = world
      self.isPositive = isPositive
    }
  }

  /// For columns, rows and slices.
  public let axes: [Axis]

  private static let letters = [("L", "R"), ("P", "A"), ("I", "S")]

  /// The orientation nearest to an affine: of all ways to pair stored axes with scanner axes, the one with the largest
  /// sum of direction cosines.
  public init(_ affine: Affine) {
    let spacing = affine.spacing
    func cosine(_ world: Int, _ stored: Int) -> Double { affine.rows[world][stored] / spacing[stored] }
    let pairings = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    var best = pairings[0]
    var bestSum = -1.0
    for pairing in pairings {
      let sum = (0..<3).reduce(0) { $0 + abs(cosine(pairing[$1], $1)) }
      // A hair of slack: at a tie the earlier pairing wins whatever the rounding.
      if sum > bestSum + 1e-9 { (best, bestSum) = (pairing, sum) }
    }
    axes = (0..<3).map { Axis(world: best[$0], isPositive: cosine(best[$0], $0) >= 0) }
  }

  /// The orientation that a code such as "LPS" names; nil if it names none.
  public init?(code: String) {
    var axes: [Axis] = []
    for letter in code.uppercased() {
      let text = String(letter)
      guard let world = Orientation.letters.firstIndex(where: { $0.0 == text || $0.1 == text }) else { return nil }
      axes.append(Axis(world: world, isPositive: Orientation.letters[world].1 == text))
    }
    guard Set(axes.map(\.world)) == [0, 1, 2], axes.count == 3 else { return nil }
    self.axes = axes
  }

  /// Three letters, such as "RAS".
  public var description: String {
    axes.map { $0.isPositive ? Orientation.letters[$0.world].1 : Orientation.letters[$0.world].0 }.joined()
  }

  /// How to turn stored axes of this orientation into those of `target`: target axis `i` is stored axis `from[i]`, run
  /// backwards where `flipped[i]`.
  public func steps(to target: Orientation) -> (from: [Int], flipped: [Bool]) {
    let from = target.axes.map { wanted in axes.firstIndex { $0.world == wanted.world }! }
    return (from, (0..<3).map { axes[from[$0]].isPositive != target.axes[$0].isPositive })
  }
}
