import Foundation
import Models
import Testing

/// Words that can come from one place only, each with the place that it was put into.
private struct Canaries {
  private(set) var places: [String: String] = [:]

  /// A new word of seven letters.
  mutating func word(_ place: String) -> String {
    let number = places.count
    let word = "QZX" + (number < 10 ? "0" : "") + "\(number)WJ"
    places[word] = place
    return word
  }

  /// Places whose words stand in some bytes, as they are or in base 64.
  func found(in data: Data) -> [String] {
    // All words begin alike: one search is enough where there is none.
    guard data.range(of: Data("QZX".utf8)) != nil || Self.base64("QZX").contains(where: { data.range(of: $0) != nil })
    else { return [] }
    return places.filter { word, _ in
      data.range(of: Data(word.utf8)) != nil || Self.base64(word).contains { data.range(of: $0) != nil }
    }.map(\.value).sorted()
  }

  /// What of a text's base 64 does not depend on its neighbours, for each of the three places where it may begin.
  private static func base64(_ text: String) -> [Data] {
    (0..<3).map { shift in
      let code = (Data(count: shift) + Data(text.utf8)).base64EncodedData()
      let first = shift == 0 ? 0 : shift + 1
      let whole = (shift + text.utf8.count) * 8 / 6
      return code[first..<whole]
    }
  }
}

@Suite("What may name a person stays where it was", .serialized)
struct PrivacyTests {
  // MARK: Files with words in every place

  private func put(_ text: String, into data: inout Data, at offset: Int) {
    data.replaceSubrange(offset..<(offset + text.utf8.count), with: Data(text.utf8))
  }

  /// A NIfTI-1 scan with words in its text fields, in fields without meaning, in extensions and behind its voxels.
  private func scan(_ canaries: inout Canaries, _ dimensions: [Int]) -> Data {
    var data = NIfTIBytes.phantom(dimensions).data
    for (name, offset) in [
      ("data_type", 4), ("db_name", 14), ("glmax and glmin", 140), ("descrip", 148), ("descrip, its end", 220),
      ("aux_file", 228), ("intent_name", 328),
    ] { put(canaries.word(name), into: &data, at: offset) }
    // Voxel sizes of dimensions that the scan does not have.
    put(canaries.word("pixdim[4] and on"), into: &data, at: 92)
    var extensions = Data([1, 0, 0, 0])
    for code in [UInt8(2), 6, 44] {
      let text = Data(canaries.word("extension \(code)").utf8)
      extensions += Data([32, 0, 0, 0, code, 0, 0, 0]) + text + Data(count: 24 - text.count)
    }
    // An end of the list, and what stands between it and the voxels.
    let gap = Data(count: 8) + Data(canaries.word("before the voxels").utf8)
    extensions += gap + Data(count: 16 - gap.count % 16)
    withUnsafeBytes(of: Float(348 + extensions.count).bitPattern.littleEndian) {
      data.replaceSubrange(108..<112, with: $0)
    }
    data.replaceSubrange(348..<352, with: extensions)
    return data + Data(canaries.word("behind the voxels").utf8)
  }

  /// gzip with words in its own header: an extra field, a file name and a comment.
  private func gzip(_ data: Data, _ canaries: inout Canaries) -> Data {
    var file = GzipBytes.stored(data)
    file[3] = 4 | 8 | 16
    let extra = Data(canaries.word("gzip extra").utf8)
    file.insert(
      contentsOf: Data([UInt8(extra.count), 0]) + extra + Data((canaries.word("gzip name") + "\0").utf8)
        + Data((canaries.word("gzip comment") + "\0").utf8), at: 10)
    return file
  }

  /// A PNG with words in its text chunks.
  private func png(_ canaries: inout Canaries) throws -> Data {
    var data = try Data(contentsOf: Repository.root.appendingPathComponent("SampleData/ct-lowdose-slice.png"))
    for kind in ["tEXt", "iTXt", "prVt"] { data = PNGText.add([kind], saying: canaries.word("PNG \(kind)"), to: data) }
    return data
  }

  /// A folder of the kind that people have: subfolders, pairs, tables, notes, damaged files.
  private func fill(_ folder: URL, _ canaries: inout Canaries, isInbox: Bool) throws {
    let inner = folder.appendingPathComponent(canaries.word("subfolder"))
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
    func write(_ data: Data, _ url: URL, _ ending: String, _ place: String) throws -> URL {
      let file = url.appendingPathComponent(canaries.word(place) + ending)
      try data.write(to: file)
      return file
    }
    _ = try write(gzip(scan(&canaries, [24, 20, 2]), &canaries), folder, ".nii.gz", "name of a scan")
    _ = try write(png(&canaries), inner, ".png", "name of a PNG")
    _ = try write(NIfTIBytes.phantom([24, 20, 3]).data.dropLast(99), inner, ".nii", "name of a damaged file")
    let pair = NIfTIBytes.phantom([20, 20, 2]).data
    var header = pair.prefix(348)
    header.replaceSubrange(344..<348, with: Data([0x6E, 0x69, 0x31, 0]))
    header.replaceSubrange(108..<112, with: Data(count: 4))
    let first = try write(Data(header), folder, ".hdr", "name of a pair")
    try pair.dropFirst(352).write(to: first.deletingPathExtension().appendingPathExtension("img"))
    guard isInbox else { return }
    let other = try write(NIfTIBytes.phantom([24, 20, 4]).data, inner, ".nii", "name of a scan with options")
    let options = "# \(canaries.word("comment of the options"))\nseed: 3  # \(canaries.word("remark in the options"))\n"
    try Data(options.utf8).write(to: other.appendingPathExtension("pellucid.yaml"))
    let broken = try write(NIfTIBytes.phantom([24, 20, 5]).data, folder, ".nii", "name of a scan with broken options")
    try Data("seed: [3  # \(canaries.word("comment of broken options"))\n".utf8).write(
      to: broken.appendingPathExtension("pellucid.yaml"))
    let announced = try write(NIfTIBytes.phantom([24, 20, 6]).data, folder, ".nii", "name of an announced scan")
    try Data(canaries.word("content of the sentinel").utf8).write(to: announced.appendingPathExtension("done"))
  }

  private func surroundings(_ canaries: inout Canaries, _ folder: URL) throws -> [String: String] {
    let home = folder.appendingPathComponent(canaries.word("HOME"))
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    var environment = ["HOME": home.path]
    for name in ["USER", "LOGNAME", "HOSTNAME", "SLURM_JOB_USER", "SLURM_JOB_ID"] {
      environment[name] = canaries.word(name)
    }
    return environment
  }

  // MARK: Searching

  /// Where words are found below a folder: in names, in files, and in what compressed files unpack to.
  private func search(_ folder: URL, _ canaries: Canaries, except: String? = nil) throws -> [String] {
    var hits: [String] = []
    for name in try contents(of: folder) {
      hits += canaries.found(in: Data(name.utf8)).map { "\($0) is in the name \(name)" }
      if let except, name.hasPrefix(except) { continue }
      let url = folder.appendingPathComponent(name)
      guard let data = try? Data(contentsOf: url) else { continue }
      hits += canaries.found(in: data).map { "\($0) is in \(name)" }
      guard name.hasSuffix(".gz") else { continue }
      let unpack = Process()
      unpack.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      unpack.arguments = ["gzip", "-dc", url.path]
      let pipe = Pipe()
      unpack.standardOutput = pipe
      try unpack.run()
      let plain = pipe.fileHandleForReading.readDataToEndOfFile()
      unpack.waitUntilExit()
      try #require(!plain.isEmpty, "\(name) could not be unpacked")
      hits += canaries.found(in: plain).map { "\($0) is inside \(name)" }
    }
    return hits
  }

  private func search(_ outcome: Executable.Outcome, _ canaries: Canaries) -> [String] {
    canaries.found(in: Data(outcome.standardOutput.utf8)).map { "\($0) is on stdout" }
      + canaries.found(in: Data(outcome.standardError.utf8)).map { "\($0) is on stderr" }
  }

  /// The copies of inputs are the inputs, byte for byte: nothing else may hold what stands in them.
  private static let copies = ".pellucid/spool/input/"

  // MARK: Tests

  @Test("run: outputs, manifest and report hold nothing of names and texts of the input, unless its name is asked for")
  func single() throws {
    try Scene.with { scene in
      var canaries = Canaries()
      let folder = scene.inputs.appendingPathComponent(canaries.word("folder"))
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let name = canaries.word("name of the scan")
      let scan = folder.appendingPathComponent(name + ".nii.gz")
      try gzip(self.scan(&canaries, [24, 20, 2]), &canaries).write(to: scan)
      let noise = folder.appendingPathComponent(canaries.word("name of the noise") + ".nii")
      try NIfTIBytes([24, 20, 2], float: { i, _, _ in Float(i % 5) - 2 }).data.write(to: noise)
      let slice = folder.appendingPathComponent(canaries.word("name of the slice") + ".png")
      try png(&canaries).write(to: slice)
      let environment = try surroundings(&canaries, scene.folder)
      try TinyModel.write(to: scene.folder.appendingPathComponent("png.safetensors")) { $0.intensity = .fullRange }
      for arguments in [
        scene.run(scan.path, to: "a.nii.gz", "--report", "--json", "--steps", "2", "--noise", noise.path),
        scene.run(scan.path, to: "b.hdr", "--samples", "2", "--steps", "2"),
        ["run", slice.path, "-o", scene.output("c.png"), "--model", "png.safetensors", "--steps", "1", "--report"],
      ] {
        let outcome = try scene.execute(arguments, environment: environment)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(search(outcome, canaries) == [])
      }
      #expect(try contents(of: scene.outputs).count == 10)
      #expect(try search(scene.outputs, canaries) == [])
      // The search finds what is there: the input's own name, once it is asked for.
      let asked = try scene.execute(
        scene.run(scan.path, to: "d.nii.gz", "--report", "--steps", "2", "--record-names"), environment: environment)
      #expect(asked.exitCode == 0, "\(asked.standardError)")
      #expect(
        try search(scene.outputs, canaries) == [
          "name of the scan is in d.manifest.json", "name of the scan is in d.report.html",
        ])
    }
  }

  @Test(
    "batch and watch: 40 words in headers, names, folders, chunks, comments and the environment are nowhere in results, spool, logs and command lines"
  )
  func queue() throws {
    try Scene.with { scene in
      var canaries = Canaries()
      let environment = try surroundings(&canaries, scene.folder)
      let folder = scene.inputs.appendingPathComponent(canaries.word("folder"))
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try fill(folder, &canaries, isInbox: false)
      let table = scene.inputs.appendingPathComponent(canaries.word("name of the table") + ".tsv")
      let listed = scene.inputs.appendingPathComponent(canaries.word("name in the table") + ".nii")
      try NIfTIBytes.phantom([28, 20, 2]).data.write(to: listed)
      try Data("path\tpatient\n\(listed.lastPathComponent)\t\(canaries.word("patient in the table"))\n".utf8).write(
        to: table)
      let batch = try scene.execute(
        [
          "batch", folder.path, table.path, "-o", scene.output("batch"), "--model", scene.model.path, "--steps", "2",
          "--json",
        ], environment: environment)
      #expect(batch.exitCode == 8, "the damaged file and the PNG are refused: \(batch.standardError)")
      #expect(search(batch, canaries) == [])

      let inbox = scene.inputs.appendingPathComponent(canaries.word("inbox"))
      try FileManager.default.createDirectory(at: inbox, withIntermediateDirectories: true)
      let made = try scene.execute(["watch", "--init", "--inbox", inbox.path], environment: environment)
      #expect(made.exitCode == 0 && search(made, canaries) == [], "\(made.standardError)")
      try fill(inbox, &canaries, isInbox: true)
      let workflows = scene.folder.appendingPathComponent("workflows")
      try FileManager.default.createDirectory(at: workflows, withIntermediateDirectories: true)
      // In the place of the shipped one, which would match too.
      let workflow = "model: \(scene.model.path)\nsteps: 2\nmatch:\n  formats: [nifti]\n"
      try Data(workflow.utf8).write(to: workflows.appendingPathComponent("ct-denoise.yaml"))
      let (watch, children) = try Executable.runListingChildren(
        [
          "watch", "--once", "--inbox", inbox.path, "--results", scene.output("watch"), "--settle", "1s", "--poll",
          "1s",
          "--workflows", workflows.path, "--json",
        ], in: scene.folder, environment: environment)
      #expect(watch.exitCode == 8, "\(watch.standardError)")
      #expect(watch.standardError.contains("committed"), "what says nothing says nothing wrong either")
      #expect(search(watch, canaries) == [])
      #expect(!children.isEmpty, "no child was seen, so nothing is known of its command line")
      for line in children { #expect(canaries.found(in: line) == []) }

      #expect(canaries.places.count >= 40)
      for (tree, committed) in [("batch", 3), ("watch", 4)] {
        let root = scene.outputs.appendingPathComponent(tree)
        #expect(
          try FileManager.default.contentsOfDirectory(atPath: root.path + "/cases").count == committed,
          "\(tree): \(watch.standardError)")
        #expect(try search(root, canaries, except: Self.copies) == [])
      }
      // Answers are called as their drops, and say nothing of them.
      let answers = try contents(of: inbox).filter { $0.hasSuffix(".pellucid.json") }
      #expect(answers.count == 6)
      for name in answers {
        #expect(canaries.found(in: try Data(contentsOf: inbox.appendingPathComponent(name))) == [], "\(name)")
      }
    }
  }
}
