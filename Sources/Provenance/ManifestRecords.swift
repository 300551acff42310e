/// Seconds spent in each step of a run.
public struct Durations: Codable, Sendable, Equatable {
  /// Reading and checking the inputs.
  public var read: Double
  /// Checking the model against the input, planning memory.
  public var plan: Double
  /// Computing.
  public var infer: Double
  /// Writing outputs and report.
  public var write: Double
  /// Reading the outputs back.
  public var verify: Double

  /// Durations from their parts.
  public init(read: Double = 0, plan: Double = 0, infer: Double = 0, write: Double = 0, verify: Double = 0) {
    self.read = read
    self.plan = plan
    self.infer = infer
    self.write = write
    self.verify = verify
  }
}

/// The program that made a result.
public struct SoftwareRecord: Codable, Sendable, Equatable {
  /// Its name.
  public var name: String
  /// Its version.
  public var version: String
  /// The commit that it was built from, `-dirty` where files had been changed; nil if the build was not told.
  public var commit: String?
  /// Raised when the same job would give other numbers than before.
  public var numericVersion: Int
  /// SHA-256 of the executable: which build it was.
  public var buildHash: String?
  /// The compiler that built it.
  public var compiler: String
  /// Libraries by name, with versions.
  public var libs: [String: String]

  /// A record from its parts.
  public init(
    name: String, version: String, commit: String? = nil, numericVersion: Int, buildHash: String? = nil,
    compiler: String, libs: [String: String]
  ) {
    self.name = name
    self.version = version
    self.commit = commit
    self.numericVersion = numericVersion
    self.buildHash = buildHash
    self.compiler = compiler
    self.libs = libs
  }
}

/// The model that made a result.
public struct ModelRecord: Codable, Sendable, Equatable {
  /// Its name.
  public var name: String
  /// Version of the weights.
  public var version: String
  /// SHA-256 of the card, as canonical JSON.
  public var cardSha256: String
  /// SHA-256 of the model file: its identity.
  public var weightsSha256: String
  /// Licence of the weights.
  public var licence: String?
  /// What it was trained on.
  public var trainedOn: [String]
  /// What it is for, and what not.
  public var intendedUse: String?

  /// A record from its parts.
  public init(
    name: String, version: String, cardSha256: String, weightsSha256: String, licence: String? = nil,
    trainedOn: [String] = [], intendedUse: String? = nil
  ) {
    self.name = name
    self.version = version
    self.cardSha256 = cardSha256
    self.weightsSha256 = weightsSha256
    self.licence = licence
    self.trainedOn = trainedOn
    self.intendedUse = intendedUse
  }
}

/// Where random numbers came from.
public struct RandomRecord: Codable, Sendable, Equatable {
  /// The generator.
  public var algorithm: String
  /// The seed.
  public var seed: UInt64
  /// What a number is a function of.
  public var keying: String

  /// A record from its parts.
  public init(algorithm: String, seed: UInt64, keying: String) {
    self.algorithm = algorithm
    self.seed = seed
    self.keying = keying
  }
}

/// A file that was read or written.
public struct FileRecord: Codable, Sendable, Equatable {
  /// What it is: `image`, `noise`, `mean`, `standard-deviation`, `report`.
  public var role: String
  /// The base name, or the alias that the caller gave; outputs lie beside the manifest under this name.
  public var name: String
  /// SHA-256 of the bytes.
  public var sha256: String
  /// SHA-256 of the voxels as little-endian float32 in stored order; survives another compression.
  public var sha256Voxels: String?
  /// Size in bytes.
  public var bytes: Int
  /// The container.
  public var format: String?
  /// Grid and place.
  public var geometry: GeometryRecord?
  /// How voxels are stored.
  public var dataType: String?
  /// Stored value to voxel value: factor.
  public var slope: Double?
  /// Stored value to voxel value: offset.
  public var intercept: Double?
  /// Largest difference between a computed voxel and what the file gives back.
  public var roundTripError: Double?
  /// What was checked when the file was read, such as `gzip CRC32 and length checked`.
  public var integrity: String?

  /// A record from its parts.
  public init(
    role: String, name: String, sha256: String, sha256Voxels: String? = nil, bytes: Int, format: String? = nil,
    geometry: GeometryRecord? = nil, dataType: String? = nil, slope: Double? = nil, intercept: Double? = nil,
    roundTripError: Double? = nil, integrity: String? = nil
  ) {
    self.role = role
    self.name = name
    self.sha256 = sha256
    self.sha256Voxels = sha256Voxels
    self.bytes = bytes
    self.format = format
    self.geometry = geometry
    self.dataType = dataType
    self.slope = slope
    self.intercept = intercept
    self.roundTripError = roundTripError
    self.integrity = integrity
  }
}

/// The grid of an image.
public struct GeometryRecord: Codable, Sendable, Equatable {
  /// Columns, rows, slices, frames.
  public var dimensions: [Int]
  /// Voxel size in mm along columns, rows, slices.
  public var spacing: [Double]
  /// Voxel indices to mm: three rows of four.
  public var affine: [[Double]]
  /// What the qform of a NIfTI input refers to, in NIfTI's numbers; 0 for nothing.
  public var qformCode: Int?
  /// What the sform of a NIfTI input refers to.
  public var sformCode: Int?

  /// A record from its parts.
  public init(
    dimensions: [Int], spacing: [Double], affine: [[Double]], qformCode: Int? = nil, sformCode: Int? = nil
  ) {
    self.dimensions = dimensions
    self.spacing = spacing
    self.affine = affine
    self.qformCode = qformCode
    self.sformCode = sformCode
  }
}

/// Numbers and remarks on a result.
public struct QualityControl: Codable, Sendable, Equatable {
  /// Figures by name.
  public var metrics: [String: Double]
  /// Unit of the voxel values and of the figures about them: `HU`, or `a.u.` where the image's own has no name; nil in
  /// manifests that were written before it was recorded.
  public var unit: String?
  /// Remarks such as `W-SHEAR: …`.
  public var flags: [String]
  /// Whether the input is one that the model is meant for.
  public var envelope: EnvelopeRecord
  /// Which way the volume was cut; nil in manifests that were written before it was recorded.
  public var slicing: SlicingRecord?

  /// A record from its parts.
  public init(
    metrics: [String: Double], unit: String?, flags: [String], envelope: EnvelopeRecord, slicing: SlicingRecord? = nil
  ) {
    self.metrics = metrics
    self.unit = unit
    self.flags = flags
    self.envelope = envelope
    self.slicing = slicing
  }
}

/// Which way a volume was cut into the slices that the network saw.
public struct SlicingRecord: Codable, Sendable, Equatable {
  /// The nearest of `axial`, `coronal` and `sagittal`, or `all` where each was seen; `stored` for images without orientation.
  public var plane: String
  /// The stored axis along which slices were counted: 0 columns, 1 rows, 2 slices.
  public var axis: Int

  /// A record from its parts.
  public init(plane: String, axis: Int) {
    self.plane = plane
    self.axis = axis
  }
}

/// Whether an input is one that the model is meant for.
public struct EnvelopeRecord: Codable, Sendable, Equatable {
  /// True when nothing speaks against it.
  public var inside: Bool
  /// What does.
  public var reasons: [String]

  /// A record from its parts.
  public init(inside: Bool, reasons: [String]) {
    self.inside = inside
    self.reasons = reasons
  }
}

/// What every reader must know about a result.
public struct Marking: Codable, Sendable, Equatable {
  /// Computed from other images.
  public var derived: Bool
  /// Not cleared for any other use.
  public var researchUseOnly: Bool
  /// Not for diagnosis.
  public var notForDiagnosis: Bool
  /// Shows a contrast, or slices, that were never acquired.
  public var synthetic: Bool
  /// The same in words.
  public var text: String

  /// The marking of every output of this program; `synthetic` for translation and super-resolution.
  public init(synthetic: Bool) {
    derived = true
    researchUseOnly = true
    notForDiagnosis = true
    self.synthetic = synthetic
    text = "Derived by a generative model. Research use only, not for diagnosis. Keep and consult the original image."
  }
}

/// What was left out of the record and of the outputs.
public struct PrivacyRecord: Codable, Sendable, Equatable {
  /// The rule in words.
  public var policy: String
  /// What outputs do not carry over of an input whose format has it.
  public var removedFields: [String]

  /// What the formats that are read hold besides images and geometry.
  public static let freeText = [
    "data_type", "db_name", "descrip", "aux_file", "intent_name", "unused_str", "extensions", "gzip name and comment",
    "PNG ancillary chunks",
  ]

  /// The rule of every run.
  public init(removedFields: [String] = freeText) {
    policy = "Allow-list: base names, digests, geometry, parameters. No path, host, user or free text of the input."
    self.removedFields = removedFields
  }
}

/// Which attempt of a queued job made a result.
public struct AttemptRecord: Codable, Sendable, Equatable {
  /// The number of the attempt; 1 for the first.
  public var number: Int
  /// Kinds of the failures before it, such as `killed`, in order.
  public var earlierFailures: [String]

  /// A record from its parts.
  public init(number: Int, earlierFailures: [String] = []) {
    self.number = number
    self.earlierFailures = earlierFailures
  }
}
