import Diffusion

extension ModelCard {
  /// Throws a `ModelError` if the card says something impossible; the message names the field.
  public func validate() throws(ModelError) {
    func require(_ condition: Bool, _ what: @autoclosure () -> String) throws(ModelError) {
      if !condition { throw ModelError(.card, what()) }
    }
    try require(
      !name.isEmpty && name.utf8.count <= 100 && name.utf8.allSatisfy(Self.isNameByte),
      "name is made of letters, digits, dots, hyphens and underscores")
    _ = try UNet(architecture)
    let channels = try conditionChannels
    try require(
      architecture.inputChannels == channels + architecture.outputChannels,
      "task \(task.rawValue) with \(channels) condition channels needs \(channels + 1) input channels, the network has "
        + "\(architecture.inputChannels)"
    )
    try require(architecture.outputChannels == 1, "architecture.outputChannels must be 1")
    try require((1...100_000).contains(noiseSchedule.timesteps), "noiseSchedule.timesteps is out of range")
    try require(
      noiseSchedule.betaStart > 0 && noiseSchedule.betaEnd > 0 && noiseSchedule.betaStart < 1
        && noiseSchedule.betaEnd < 1,
      "noiseSchedule: betas lie between 0 and 1")
    let labels = labelSet.labels
    try require(!labels.isEmpty, "labelSet.labels is empty")
    try require(zip(labels, labels.dropFirst()).allSatisfy { $0 <= $1 }, "labelSet.labels must be ascending")
    try require(
      labels.allSatisfy { (0..<noiseSchedule.timesteps).contains($0) },
      "labelSet.labels must lie below noiseSchedule.timesteps")
    do {
      _ = try NoiseSchedule(
        named: noiseSchedule.name, betaStart: noiseSchedule.betaStart, betaEnd: noiseSchedule.betaEnd,
        timesteps: noiseSchedule.timesteps)
      _ = try LabelSet(name: labelSet.name, labels: labelSet.labels)
    } catch {
      throw ModelError(.card, "\(error)")
    }
    try require(
      prediction.residualScale.isFinite && prediction.residualScale != 0,
      "prediction.residualScale must be a finite number but 0")
    try require(
      prediction.kind == .data || (prediction.skip == .none && prediction.residualScale == 1),
      "prediction: a skip and a scale are for data prediction only")
    try prediction.checkIntensityMap()
    try intensity.validate()
    if let noiseLevel {
      try require(task == .denoise, "noiseLevel is for denoising")
      try require(noiseLevel.scale.isFinite && noiseLevel.scale > 0, "noiseLevel.scale must be a positive number")
      // A single level is a range without width.
      try require(
        noiseLevel.range.count == 2 && noiseLevel.range.allSatisfy { (0..<1e9).contains($0) }
          && noiseLevel.range[0] <= noiseLevel.range[1],
        "noiseLevel.range must be two numbers, neither negative nor falling")
    }
    try require(
      prediction.residualFollowsNoise != true || (noiseLevel != nil && prediction.kind == .data),
      "prediction.residualFollowsNoise is for data predictions of networks that are told the noise level")
    if let outputRange {
      try require(task == .translate, "outputRange is for translation")
      try Self.checkAscending(outputRange, "outputRange")
    }
    try envelope.validate()
    for (field, text) in texts {
      try require(
        !text.unicodeScalars.contains(where: Self.isUnfit),
        "\(field) holds control characters or direction marks, which could deceive whoever reads it")
    }
  }

  /// The free texts that people are shown; the configuration alone has lines.
  private var texts: [(String, String)] {
    [("version", version), ("licence", licence ?? ""), ("intendedUse", intendedUse ?? "")]
      + [("labelSet.name", labelSet.name), ("envelope.modality", envelope.modality ?? "")]
      + citation.map { ("citation", $0) }
      + (degradation.map { [$0.kind] + $0.parameters.keys } ?? []).map { ("degradation", $0) }
      + quality.flatMap { [("quality.data", $0.data), ("quality.condition", $0.condition)] }
      + quality.flatMap { $0.figures.keys.map { ("quality.figures", $0) } }
      + (training.map { training in
        (training.data + training.heldOut + [training.command, training.software]).map { ("training", $0) }
      } ?? [])
  }

  private static func isUnfit(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: true
    default: false
    }
  }

  /// The slices that the network sees; throws a `ModelError` if they make no sense.
  public var conditions: ConditionSlices {
    get throws(ModelError) { try ConditionSlices(conditionSlices ?? ConditionSlices.nearest(task), task: task) }
  }

  /// Condition channels of the network's input: slices, then what it is told of their noise.
  public var conditionChannels: Int {
    get throws(ModelError) { try conditions.count + (noiseLevel == nil ? 0 : 1) }
  }

  private static func checkAscending(_ ends: [Double], _ field: String) throws(ModelError) {
    guard ends.count == 2, ends.allSatisfy({ $0.isFinite && abs($0) < 1e9 }), ends[0] < ends[1] else {
      throw ModelError(.card, "\(field) must be two ascending numbers")
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

extension PredictionRecord {
  fileprivate func checkIntensityMap() throws(ModelError) {
    guard (skip == .intensityMap) == (intensityMap != nil) else {
      throw ModelError(.card, "prediction.intensityMap and the skip of that name need each other")
    }
    guard let intensityMap else { return }
    guard (2...65_536).contains(intensityMap.count), intensityMap.allSatisfy({ abs($0) <= 1 }) else {
      throw ModelError(.card, "prediction.intensityMap must hold two or more numbers from -1 to 1")
    }
  }
}

extension IntensityContract {
  /// Throws a `ModelError` for a window without width and for percentiles outside 0 to 100.
  public func validate() throws(ModelError) {
    switch self {
    case .window(let low, let high):
      guard low < high, Float(low) < Float(high), abs(low) < 1e9, abs(high) < 1e9 else {
        throw ModelError(.card, "intensity.window: the lower end must lie below the upper one, and both within 1e9")
      }
    case .percentiles(let low, let high):
      guard (0...100).contains(low), (0...100).contains(high), low < high else {
        throw ModelError(.card, "intensity.percentiles: two ascending numbers between 0 and 100 are needed")
      }
    case .fullRange: break
    }
  }
}

extension InputEnvelope {
  /// Throws a `ModelError` for a range that is not two ascending positive numbers.
  public func validate() throws(ModelError) {
    func check(_ range: [Double]?, _ field: String) throws(ModelError) {
      guard let range else { return }
      guard range.count == 2, range[0] > 0, range[0] <= range[1], range[1].isFinite else {
        throw ModelError(.card, "envelope.\(field) must be two ascending positive numbers")
      }
    }
    try check(inPlaneSpacing, "inPlaneSpacing")
    try check(sliceSpacing, "sliceSpacing")
    try check(size?.map(Double.init), "size")
    try check(objectLeftRight, "objectLeftRight")
    try check(objectFrontBack, "objectFrontBack")
  }
}
