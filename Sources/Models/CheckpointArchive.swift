import DurableFiles
import Foundation
import TensorCore

/// A checkpoint as `torch.save` writes it since PyTorch 1.6: a zip archive with the structure in `<name>/data.pkl` and
/// the numbers of every storage in `<name>/data/<key>`.
///
/// Nothing in it is executed. Numbers are read when they are asked for, one storage at a time.
final class CheckpointArchive {
  /// The structure.
  let document: PickleDocument
  /// The file's name for messages.
  let name: String
  /// The file's length.
  var byteCount: Int { zip.file.byteCount }
  private let zip: ZipArchive
  private let prefix: String
  private var cached: (key: String, bytes: [UInt8])?

  /// Opens a checkpoint; throws `ModelError` or `FileError`.
  init(_ url: URL) throws {
    let file = try RegularFile(url)
    name = file.name
    try Self.refuseOtherFormats(file)
    zip = try ZipArchive(file)
    let structures = zip.entries.keys.filter { $0.hasSuffix("/data.pkl") && $0.split(separator: "/").count == 2 }
    guard structures.count == 1, let structure = structures.first else {
      throw ModelError(
        .refused, "\(name) is a zip archive but no PyTorch checkpoint: it has no data.pkl; give a .pth file")
    }
    prefix = String(structure.dropLast("data.pkl".count))
    if zip.entries["\(prefix)constants.pkl"] != nil {
      throw ModelError(.refused, "\(name) is a TorchScript program; save its state_dict() with torch.save")
    }
    if let order = zip.entries["\(prefix)byteorder"], try zip.read(order) != Array("little".utf8) {
      throw ModelError(.refused, "\(name) was saved on a big-endian machine; save it again on a little-endian one")
    }
    guard let entry = zip.entries[structure], entry.byteCount <= RestrictedUnpickler.maximumBytes else {
      throw ModelError(.refused, "\(name) describes more than a network; save only the state dict with torch.save")
    }
    document = try RestrictedUnpickler.read(try zip.read(entry))
  }

  /// Other kinds of file that people have under the same name, told from the first bytes.
  private static func refuseOtherFormats(_ file: RegularFile) throws {
    let start = try file.read(at: 0, count: 16)
    guard !start.isEmpty else { throw ModelError(.corrupt, "\(file.name) is empty; get the file again") }
    guard start.prefix(2) != Array("PK".utf8)[...] else { return }
    if start[0] == 0x80 {
      throw ModelError(
        .refused,
        "\(file.name) is in the format of PyTorch before 1.6; load it in Python and save it again with torch.save")
    }
    if start.count > 8, start[8] == UInt8(ascii: "{") {
      throw ModelError(.refused, "\(file.name) is a .safetensors file already; give a .pth checkpoint")
    }
    throw ModelError(.corrupt, "\(file.name) is not a PyTorch checkpoint; give the .pth file that torch.save wrote")
  }

  /// A tensor's numbers as 32-bit floats in the checkpoint's layout.
  func tensor(_ view: TorchTensor) throws -> Tensor {
    let bytes = try storage(view.storage)
    var out = Tensor(uninitialized: view.shape)
    let (shape, strides, offset) = (view.shape, view.strides, view.offset)
    bytes.withUnsafeBytes { source in
      out.withUnsafeMutableBuffer { target in
        if view.isContiguous {
          view.storage.format.decode(source, at: { offset + $0 }, into: target)
        } else {
          view.storage.format.decode(
            source,
            at: { index in
              var (rest, position) = (index, offset)
              for axis in shape.indices.reversed() {
                position += rest % shape[axis] * strides[axis]
                rest /= shape[axis]
              }
              return position
            }, into: target)
        }
      }
    }
    return out
  }

  private func storage(_ storage: TorchStorage) throws -> [UInt8] {
    if let cached, cached.key == storage.key, cached.bytes.count == storage.count * storage.format.width {
      return cached.bytes
    }
    guard let entry = zip.entries["\(prefix)data/\(storage.key)"] else {
      throw ZipArchive.corrupt(zip.file, "the numbers data/\(ModelError.printable(storage.key)) are missing")
    }
    guard entry.byteCount == UInt64(storage.count * storage.format.width) else {
      throw ZipArchive.corrupt(zip.file, "data/\(ModelError.printable(storage.key)) has the wrong length")
    }
    let bytes = try zip.read(entry)
    cached = (storage.key, bytes)
    return bytes
  }
}
