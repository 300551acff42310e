import DurableFiles

// The values that a workflow may choose from. They are texts to this room; what they mean is known where they are used.

extension Workflow {
  /// What a model must do to be used.
  public enum Task: String, Codable, Sendable, CaseIterable {
    /// Removes noise.
    case denoise
    /// Makes slices between slices.
    case superResolve = "super-resolve"
    /// Makes one kind of image from another.
    case translate
  }

  /// A kind of image file.
  public enum Format: String, Codable, Sendable, CaseIterable {
    /// NIfTI, one file or two, gzipped or not.
    case nifti
    /// Grey PNG.
    case png
  }

  /// How the noise of neighbouring slices is related.
  public enum NoiseField: String, Codable, Sendable, CaseIterable {
    /// One noise for all slices.
    case shared
    /// Noise that changes slowly from slice to slice.
    case correlated
    /// A noise of its own for each slice.
    case independent
  }

  /// Which way volumes are cut into slices.
  public enum Plane: String, Codable, Sendable, CaseIterable {
    /// As their geometry says: as acquired, or axial where voxels are nearly cubic.
    case auto
    /// As the file stores them.
    case stored
    case axial, coronal, sagittal
    /// All three at once, averaged.
    case all
    /// All three where voxels are nearly cubic, else as their geometry says.
    case allIfCubic = "all-if-cubic"
  }

  /// What becomes of differences of neighbouring slices.
  public enum SliceDetail: String, Codable, Sendable, CaseIterable {
    /// They are as the network predicts them.
    case predicted
    /// They get a gain where they fall short of the input's without its noise.
    case matched
  }

  /// How voxels are stored.
  public enum StoredType: String, Codable, Sendable, CaseIterable {
    /// As in the input.
    case input
    /// 32-bit floating point.
    case float32
    /// 16-bit integers with slope and intercept.
    case int16
  }
}

/// What may stand where a workflow takes a text.
enum WorkflowText {
  /// What a workflow may be called: it is also the name of a folder in the inbox and stands in messages and pages.
  ///
  /// `new`, `tmp`, `done` and `failed` mean something else in an inbox.
  static func isName(_ text: String) -> Bool {
    text.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._\-]{0,63}/) != nil && !["new", "tmp", "done", "failed"].contains(text)
  }

  static let nameRule =
    "a name of letters, digits, dots, dashes and underscores, at most 64 (and not new, tmp, done or failed)"

  /// A model's name, or where its file lies.
  ///
  /// A relative path would depend on where the program was started.
  static func model(_ text: String) -> String? {
    isPlain(text, limit: 1024) && (text.hasPrefix("/") || !text.contains("/")) ? text : nil
  }

  static func sampler(_ text: String) -> String? {
    text.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._:+\-]{0,63}/) != nil ? text : nil
  }

  /// A glob for base names.
  static func isGlob(_ text: String) -> Bool { isPlain(text, limit: 255) && !text.contains("/") }

  /// Whether a text has something in it, and nothing that upsets a line.
  static func isPlain(_ text: String, limit: Int) -> Bool {
    !text.isEmpty && text.utf8.count <= limit && FileError.printable(text) == text
  }
}
