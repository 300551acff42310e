public import Foundation

extension Manifest {
  /// The sidecar of an output as a BIDS derivative (BIDS 1.11.1, "Common data types and metadata"): a function of this
  /// record alone.
  ///
  /// `sources` are BIDS URIs of what it was made from, such as `bids:raw:sub-01/anat/sub-01_T1w.nii.gz`. Pixel data are
  /// not stripped of anything, so `SkullStripped` is false.
  public func bidsSidecar(sources: [String] = []) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    let sidecar = Sidecar(
      Description: marking.text, Sources: sources.isEmpty ? nil : sources, SkullStripped: false,
      GeneratedBy: generatedBy, PellucidJobKey: jobKey, PellucidParameters: parameters)
    return try encoder.encode(sidecar) + Data("\n".utf8)
  }

  /// `dataset_description.json` of a derivative dataset with results like this one; `raw` leads from the dataset to the one
  /// that it was made from, where that can be said.
  public func bidsDatasetDescription(raw: String?) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    let description = Dataset(
      Name: "Images restored by pellucid", BIDSVersion: "1.11.1", DatasetType: "derivative",
      GeneratedBy: generatedBy, DatasetLinks: raw.map { ["raw": $0] })
    return try encoder.encode(description) + Data("\n".utf8)
  }

  private var generatedBy: [Generator] {
    [
      Generator(Name: software.name, Version: software.version, Description: nil),
      Generator(
        Name: model.name, Version: model.version, Description: "weights with SHA-256 \(model.weightsSha256)"),
    ]
  }

  // The names are those of the standard.
  private struct Generator: Encodable {
    var Name: String
    var Version: String
    var Description: String?
  }

  private struct Sidecar: Encodable {
    var Description: String
    var Sources: [String]?
    var SkullStripped: Bool
    var GeneratedBy: [Generator]
    var PellucidJobKey: String
    var PellucidParameters: [String: ParameterValue]
  }

  private struct Dataset: Encodable {
    var Name: String
    var BIDSVersion: String
    var DatasetType: String
    var GeneratedBy: [Generator]
    var DatasetLinks: [String: String]?
  }
}
