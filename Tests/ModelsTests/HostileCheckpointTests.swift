import Foundation
import Models
import TensorCore
import TestSupport
import Testing

/// Checkpoints that try to do something, or that are broken in some way.
@Suite struct HostileCheckpointTests {
  typealias Pickle = CheckpointBuilder.Pickle

  private func error(_ build: (inout Pickle) -> Void) throws -> ModelError? {
    var pickle = Pickle()
    build(&pickle)
    return try importError(CheckpointBuilder.checkpoint(pickle.finished))
  }

  @Test("code in a pickle is refused by name and not run") func code() throws {
    try withTemporaryFolder { folder in
      let trace = folder.appendingPathComponent("was-run")
      for (module, name) in [
        ("posix", "system"), ("os", "system"), ("builtins", "eval"), ("builtins", "exec"), ("subprocess", "Popen"),
        ("torch", "load"), ("torch._utils", "_rebuild_sparse_tensor"), ("collections", "namedtuple"),
        ("numpy.core.multiarray", "scalar"), ("__main__", "Model"),
      ] {
        let refused = try error { pickle in
          pickle.global(module, name)
          pickle.text("touch \(trace.path)")
          pickle.bytes.append(0x85)
          pickle.op("R")
        }
        #expect(refused?.kind == .refused)
        #expect(refused?.description.contains("\(module).\(name)") == true)
      }
      // The same name given on the stack, as protocol 4 does.
      let stacked = try error { pickle in
        for text in ["posix", "system"] { pickle.bytes += [0x8c, UInt8(text.utf8.count)] + Array(text.utf8) }
        pickle.bytes.append(0x93)
      }
      #expect(stacked?.kind == .refused && stacked?.description.contains("posix.system") == true)
      #expect(!FileManager.default.fileExists(atPath: trace.path))
    }
  }

  @Test("a name with control characters cannot write to the terminal") func terminal() throws {
    let refused = try error { $0.global("os\u{1B}[2J", "system") }
    #expect(refused?.kind == .refused)
    #expect(refused?.description.unicodeScalars.allSatisfy { $0.value >= 0x20 } == true)
  }

  @Test(
    "instructions that make other objects are refused",
    arguments: [
      "i", "o", "P", "\u{81}", "\u{82}", "\u{92}", "B", "C", "U", "\u{8f}", "\u{8b}", "I", "\u{97}", "\u{fe}", "0", "2",
    ])
  func instructions(_ scalar: String) throws {
    let code = UInt8(scalar.unicodeScalars.first?.value ?? 0)
    let refused = try error { pickle in
      pickle.int(1)
      pickle.bytes += [code, 0x0a, 0x0a, 0, 0, 0, 0]
    }
    #expect(refused?.kind == .refused)
  }

  @Test("broken pickles are refused") func broken() throws {
    let cases: [(String, (inout Pickle) -> Void)] = [
      ("nothing on the stack", { _ in }),
      (
        "two values left",
        {
          $0.int(1); $0.int(2)
        }
      ),
      (
        "a mark left",
        {
          $0.op("("); $0.int(1)
        }
      ),
      ("a tuple of what is not there", { $0.bytes.append(0x87) }),
      (
        "a tuple across a mark",
        {
          $0.int(1); $0.op("("); $0.bytes.append(0x85)
        }
      ),
      ("no mark", { $0.op("t") }),
      ("memory never written", { $0.bytes += [UInt8(ascii: "h"), 7] }),
      ("remembering nothing", { $0.bytes += [UInt8(ascii: "q"), 0] }),
      (
        "appending to a number",
        {
          $0.int(1); $0.int(2); $0.op("a")
        }
      ),
      (
        "setting in a list",
        {
          $0.op("]"); $0.int(1); $0.int(2); $0.op("s")
        }
      ),
      (
        "an odd number of items",
        {
          $0.op("}"); $0.op("("); $0.int(1); $0.op("u")
        }
      ),
      (
        "calling a number",
        {
          $0.int(1); $0.op(")"); $0.op("R")
        }
      ),
      (
        "calling with a number",
        {
          $0.global("collections", "OrderedDict"); $0.int(1); $0.op("R")
        }
      ),
      (
        "attributes of a list",
        {
          $0.op("]"); $0.op("}"); $0.op("b")
        }
      ),
      ("a text longer than the file", { $0.bytes += [UInt8(ascii: "X"), 0xff, 0xff, 0xff, 0xff] }),
      ("a huge text", { $0.bytes += [0x8d] + [UInt8](repeating: 0xff, count: 8) }),
      ("broken text", { $0.bytes += [0x8c, 2, 0xc3, 0x28] }),
      ("a long integer", { $0.bytes += [0x8a, 9] + [UInt8](repeating: 1, count: 9) }),
      ("a name without end", { $0.bytes += [UInt8(ascii: "c")] + [UInt8](repeating: 97, count: 400) }),
      ("a frame beyond the end", { $0.bytes += [0x95, 1] }),
      (
        "a storage that is a number",
        {
          $0.int(3); $0.op("Q")
        }
      ),
      (
        "a parameter that is no tensor",
        {
          $0.global("torch._utils", "_rebuild_parameter"); $0.int(1); $0.int(2); $0.int(3); $0.bytes.append(0x87);
          $0.op("R")
        }
      ),
      (
        "a dictionary made from a list",
        {
          $0.global("collections", "OrderedDict"); $0.op("]"); $0.bytes.append(0x85); $0.op("R")
        }
      ),
      (
        "a storage that is made",
        {
          $0.global("torch", "FloatStorage"); $0.op(")"); $0.op("R")
        }
      ),
    ]
    for (what, build) in cases {
      let found = try error(build)
      #expect(found != nil && [.corrupt, .refused].contains(found?.kind), "\(what)")
    }
    #expect(
      try importError(CheckpointBuilder.checkpoint([0x80, 1, UInt8(ascii: "N"), UInt8(ascii: ".")]))?.kind == .refused)
    #expect(
      try importError(CheckpointBuilder.checkpoint([0x80, 2, UInt8(ascii: "N"), UInt8(ascii: "."), 0]))?.kind
        == .corrupt)
    #expect(try importError(CheckpointBuilder.checkpoint([]))?.kind == .corrupt)
  }

  @Test("tensors that reach outside their storage are refused") func views() throws {
    let cases: [(shape: [Int], strides: [Int], offset: Int, count: Int)] = [
      ([2], [1], 0, 1), ([1], [1], 1, 1), ([1], [1], -1, 1), ([2], [-1], 1, 2), ([-1], [1], 0, 1), ([1, 1], [1], 0, 1),
      ([Int(Int32.max), Int(Int32.max), Int(Int32.max)], [0, 0, 0], 0, 1), ([2], [Int(Int32.max)], 0, 1),
      ([1], [1], 0, -4),
      ([1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0, 0], 0, 1),
    ]
    for view in cases {
      let found = try error { $0.tensor(view.shape, strides: view.strides, offset: view.offset, count: view.count) }
      #expect(found?.kind == .corrupt && found?.description.contains("impossible") == true, "\(view)")
    }
  }

  @Test("a storage must be there, of the stated length, and floating point") func storages() throws {
    func one(_ build: (inout Pickle) -> Void) throws -> ModelError? {
      guard let network = try? UNet(Fixtures.tiny) else { return nil }
      return try error { pickle in
        pickle.op("}")
        pickle.op("(")
        for (name, shape) in network.parameterShapes {
          pickle.text(name)
          let fileShape = shape.count == 4 ? [shape[3], shape[2], shape[0], shape[1]] : shape.reversed()
          if name == "conv_out.bias" { build(&pickle) } else { pickle.tensor(fileShape) }
        }
        pickle.op("u")
      }
    }
    #expect(try one { $0.tensor([1]) } == nil)
    #expect(try one { $0.tensor([1], key: "7") }?.kind == .corrupt)
    #expect(try one { $0.tensor([1], key: "../data.pkl") }?.kind == .corrupt)
    #expect(try one { $0.tensor([1], count: 2) }?.kind == .corrupt)
    #expect(try one { $0.tensor([1], type: "DoubleStorage") }?.kind == .corrupt)
    #expect(try one { $0.tensor([1], type: "IntStorage") }?.kind == .mismatch)
    #expect(try one { $0.tensor([1], type: "ComplexFloatStorage") }?.kind == .refused)
    #expect(try one { $0.int(3) }?.kind == .mismatch)
  }

  @Test("nesting and self-reference are only numbers in an array") func nesting() throws {
    let deep = try error {
      $0.bytes += [UInt8](repeating: UInt8(ascii: ")"), count: 1) + [UInt8](repeating: 0x85, count: 1_000_000)
    }
    #expect(deep?.kind == .refused)
    let marks = try error { $0.bytes += [UInt8](repeating: UInt8(ascii: "("), count: 1_000_000) }
    #expect(marks?.kind == .corrupt)
    // A list whose first item is itself.
    let circle = try error {
      $0.bytes += [UInt8(ascii: "]"), UInt8(ascii: "q"), 0, UInt8(ascii: "h"), 0, UInt8(ascii: "a")]
    }
    #expect(circle?.kind == .refused)
    // Ten tuples, each of ten times the one before: 10^10 values if anyone walked through them.
    let laughs = try error { pickle in
      pickle.op(")")
      for index in 0..<10 {
        pickle.bytes += [UInt8(ascii: "q"), UInt8(index), UInt8(ascii: "(")]
        for _ in 0..<10 { pickle.bytes += [UInt8(ascii: "h"), UInt8(index)] }
        pickle.op("t")
        pickle.bytes.append(0x86)
      }
    }
    #expect(laughs?.kind == .refused)
    let long = CheckpointBuilder.zip([("x/data.pkl", [UInt8](repeating: UInt8(ascii: "("), count: 9 << 20))])
    #expect(try importError(long)?.kind == .refused)
  }

  @Test("archives that are no checkpoints are refused") func archives() throws {
    let pickle = [UInt8](arrayLiteral: 0x80, 2, UInt8(ascii: "N"), UInt8(ascii: "."))
    let zip = CheckpointBuilder.zip
    let cases: [(String, [UInt8], ModelError.Kind)] = [
      ("empty", [], .corrupt),
      ("text", Array("not a checkpoint at all, really".utf8), .corrupt),
      ("only the mark of a zip", Array("PK".utf8), .corrupt),
      ("no structure", zip([("x/data/0", [0, 0, 0, 0])], 0), .refused),
      ("an empty zip", zip([], 0), .refused),
      ("two structures", zip([("x/data.pkl", pickle), ("y/data.pkl", pickle)], 0), .refused),
      ("one name twice", zip([("x/data.pkl", pickle), ("x/data.pkl", pickle)], 0), .corrupt),
      ("a compressed structure", zip([("x/data.pkl", pickle)], 8), .refused),
      ("big-endian", zip([("x/data.pkl", pickle), ("x/byteorder", Array("big".utf8))], 0), .refused),
      ("a program", zip([("x/data.pkl", pickle), ("x/constants.pkl", pickle)], 0), .refused),
      ("a model file", try Fixtures.bytes("forward.safetensors"), .refused),
      ("nothing in it", zip([("x/data.pkl", pickle)], 0), .refused),
    ]
    for (what, bytes, kind) in cases { #expect(try importError(bytes)?.kind == kind, "\(what)") }
    let old = modelError { _ = try CheckpointImport.read(Fixtures.url("before-1.6.pth")) }
    #expect(old?.kind == .refused && old?.description.contains("save it again") == true)
  }

  @Test("a checkpoint cut short is refused wherever it is cut") func truncation() throws {
    let whole = try Fixtures.bytes("list-of-one.pth")
    for length in stride(from: 0, to: whole.count, by: 997).map({ $0 }) + [whole.count - 1] {
      #expect(try importError(Array(whole[..<length])) != nil, "\(length) bytes")
    }
  }

  @Test("a flipped bit is refused or changes nothing") func flips() throws {
    let whole = try Fixtures.bytes("bare.pth")
    let good = try CheckpointImport.read(Fixtures.url("bare.pth")).parameters
    let random = PhiloxRandomSource(seed: 7, stream: 0)
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("ckpt.pth")
      var refused = 0
      for trial in 0..<120 {
        var bytes = whole
        bytes[random.integer(below: bytes.count, at: UInt64(2 * trial))] ^=
          1 << random.integer(below: 8, at: UInt64(2 * trial + 1))
        try Data(bytes).write(to: url)
        do {
          #expect(try CheckpointImport.read(url).parameters == good)
        } catch {
          #expect(error is ModelError)
          refused += 1
        }
      }
      #expect(refused > 60)
    }
  }

  @Test("a small file that repeats one number as a large network is refused") func repeated() throws {
    var wide = Fixtures.tiny
    wide.baseChannels = 1024
    var pickle = Pickle()
    pickle.stateDict(try UNet(wide).parameterShapes.map { ($0.name, $0.shape.reversed()) })
    let refused = try importError(CheckpointBuilder.checkpoint(pickle.finished))
    #expect(refused?.kind == .refused && refused?.description.contains("cannot hold") == true)
  }

  @Test("a pickle with random bytes changed is refused or read, never worse") func noise() throws {
    var pickle = Pickle()
    let network = try UNet(Fixtures.tiny)
    pickle.stateDict(network.parameterShapes.map { ($0.name, $0.shape.reversed()) })
    let whole = pickle.finished
    let random = PhiloxRandomSource(seed: 8, stream: 0)
    var refused = 0
    for trial in 0..<400 {
      var bytes = whole
      for change in 0..<3 {
        let at = UInt64(6 * trial + 2 * change)
        bytes[random.integer(below: bytes.count, at: at)] = UInt8(random.integer(below: 256, at: at + 1))
      }
      if try importError(CheckpointBuilder.checkpoint(bytes)) != nil { refused += 1 }
    }
    #expect(refused > 300)
  }
}
