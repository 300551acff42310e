/// The labels that a Fast-DDPM model is trained on and sampled at, with the exact integer semantics of the published
/// code (ALGORITHMS 2.2).
///
/// Beware of the names: `uniform-10` has eleven labels (0, 99, 199, …, 999) and costs eleven evaluations;
/// `non-uniform-10` has ten. Labels ascend; `uniform-K` with K above 500 and `non-uniform-K` with K above 503 hold
/// duplicates, as the published code does.
public struct LabelSet: Sendable, Equatable {
  /// `uniform-K`, `non-uniform-K`, either with `-without-0` behind it, or the name of a custom set.
  public let name: String
  /// The labels, ascending.
  public let labels: [Int]

  /// A set by name: `uniform-K` with K in 1…1000 or `non-uniform-K` with K in 5…1000.
  ///
  /// Behind either, `-without-0` leaves out label 0, as the figure of the Fast-DDPM paper does: the last evaluation is
  /// then at the lowest label with noise worth the name.
  public init(named name: String) throws {
    if name.hasSuffix(Self.withoutZero) {
      let whole = try LabelSet(named: String(name.dropLast(Self.withoutZero.count)))
      try self.init(name: name, labels: whole.labels.filter { $0 > 0 })
      return
    }
    guard let (kind, steps) = Self.parse(name) else {
      throw DiffusionError(
        .unknownName, "no label set is named '\(name)'; use uniform-K or non-uniform-K, such as uniform-10")
    }
    switch kind {
    case .uniform: try self.init(uniform: steps)
    case .nonUniform: try self.init(nonUniform: steps)
    }
  }

  /// A custom set: ascending labels in 0…999.
  public init(name: String, labels: [Int]) throws {
    guard let first = labels.first, let last = labels.last, first >= 0, last < Self.timesteps,
      zip(labels, labels.dropFirst()).allSatisfy({ $0 <= $1 })
    else {
      throw DiffusionError(
        .parameterOutOfRange, "labels must ascend within 0…\(Self.timesteps - 1); set '\(name)' has \(labels)")
    }
    self.name = name
    self.labels = labels
  }

  /// The uniform set: −1, −1 + step, −1 + 2·step, … below 1000 with step = ⌊1000/K⌋, and the −1 replaced by 0.
  public init(uniform steps: Int) throws {
    guard (1...Self.timesteps).contains(steps) else {
      throw DiffusionError(.parameterOutOfRange, "uniform-\(steps) does not exist; K goes from 1 to \(Self.timesteps)")
    }
    name = "uniform-\(steps)"
    labels = [0] + stride(from: -1, to: Self.timesteps, by: Self.timesteps / steps).dropFirst()
  }

  /// The non-uniform set: 0.4·K labels up to 699 and 0.6·K from there, rounded up; K = 10 is a list of its own.
  ///
  /// The published formula gives sets without label 0, without the noisy end or without anything for K below 5;
  /// these are refused.
  public init(nonUniform steps: Int) throws {
    guard (5...Self.timesteps).contains(steps) else {
      throw DiffusionError(
        .parameterOutOfRange,
        "non-uniform-\(steps) does not exist; K goes from 5 to \(Self.timesteps) (below 5 the published formula leaves "
          + "at most three labels)")
    }
    name = "non-uniform-\(steps)"
    guard steps != 10 else {
      labels = [0, 199, 399, 599, 699, 799, 849, 899, 949, 999]
      return
    }
    // ⌊0.4·K⌋ and ⌊0.6·K⌋ of the floating products agree with the integer quotients for every K up to 1000.
    let (below, above) = (steps * 2 / 5, steps * 3 / 5)
    labels =
      Self.roundedUp(from: 0, to: 699, count: below + 1).dropLast() + Self.roundedUp(from: 699, to: 999, count: above)
  }

  /// The labels of the training grid.
  static let timesteps = 1000

  /// The K in the name, which is what `--steps` means for this set; for a custom set the number of labels.
  public var steps: Int { Self.parse(name)?.steps ?? labels.count }

  private enum Kind { case uniform, nonUniform }
  private static let withoutZero = "-without-0"

  private static func parse(_ name: String) -> (kind: Kind, steps: Int)? {
    let name = name.hasSuffix(withoutZero) ? String(name.dropLast(withoutZero.count)) : name
    for (prefix, kind) in [("uniform-", Kind.uniform), ("non-uniform-", .nonUniform)] where name.hasPrefix(prefix) {
      let digits = name.dropFirst(prefix.count)
      guard digits.allSatisfy({ ("0"..."9").contains($0) }), let steps = Int(digits) else { return nil }
      return (kind, steps)
    }
    return nil
  }

  /// Equally spaced numbers rounded up, with the double arithmetic of the published code: the product of index and
  /// step may land just above a whole number, and then counts as the next one.
  private static func roundedUp(from first: Double, to last: Double, count: Int) -> [Int] {
    let step = (last - first) / Double(max(count - 1, 1))
    return (0..<count).map { i in
      Int((i == count - 1 && i > 0 ? last : Double(i) * step + first).rounded(.up))
    }
  }
}

extension LabelSet {
  /// The labels to sample at when `--steps K` is asked of a model trained on `trained`.
  ///
  /// K equal to the trained set's own gives that set; otherwise `uniform-K` or `non-uniform-K` where it is contained in
  /// the trained labels, without label 0 if that is not one of them. Throws `DiffusionError` naming the possible K.
  public static func subset(of trained: LabelSet, steps: Int) throws -> LabelSet {
    if let set = candidate(of: trained, steps: steps) { return set }
    let possible = (1...timesteps).filter { candidate(of: trained, steps: $0) != nil }.map(String.init)
    let listed = possible.count > 20 ? possible.prefix(20) + ["…"] : possible[...]
    throw DiffusionError(
      .stepsNotAvailable,
      "a model trained on \(trained.name) cannot be sampled in \(steps) steps; possible: "
        + listed.joined(separator: ", "))
  }

  private static func candidate(of trained: LabelSet, steps: Int) -> LabelSet? {
    if steps == trained.steps { return trained }
    let known = Set(trained.labels)
    let suffix = known.contains(0) ? "" : withoutZero
    return ["uniform-\(steps)", "non-uniform-\(steps)"].compactMap { try? LabelSet(named: $0 + suffix) }
      .first { known.isSuperset(of: $0.labels) }
  }
}
