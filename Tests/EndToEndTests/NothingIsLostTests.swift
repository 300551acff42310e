import Foundation
import Models
import NeuralNet
import TensorCore
import Testing
import Volumes

@Suite("No command destroys what it was not told to, and none calls a failure a success")
struct NothingIsLostTests {
  private let scan = NIfTIBytes.phantom([32, 32, 2]).data

  private func sources(_ scene: Scene) throws -> (String, Data) {
    let path = try scene.input("scan.nii", scan)
    return (path, try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  @Test("no output may be an input, in no command, not even when replacing is allowed")
  func sourcesStay() throws {
    try Scene.with { scene in
      let (path, before) = try sources(scene)
      let link = scene.inputs.appendingPathComponent("link.nii").path
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
      let picture = try scene.input("a.png", Data("no picture".utf8))
      let deviation = try scene.input("x.sd.nii", scan)
      let result = scene.inputs.appendingPathComponent("x.nii").path
      for arguments in [
        [
          "degrade", path, "-o", link, "--kind", "low-dose-ct", "--dose", "0.5", "--seed", "1", "--if-exists",
          "replace",
        ],
        ["compare", path, "--reference", path, "--picture", path, "--if-exists", "replace"],
        ["compare", picture, "--reference", path, "--picture", picture, "--if-exists", "replace"],
        ["run", path, "-o", link, "--model", scene.model.path, "--if-exists", "replace"],
        ["run", deviation, "-o", result, "--samples", "2", "--model", scene.model.path, "--if-exists", "replace"],
      ] {
        let outcome = try scene.execute(arguments)
        #expect(outcome.exitCode == 64 && outcome.errorLines.count == 1, "\(arguments): \(outcome.standardError)")
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
      #expect(try Data(contentsOf: URL(fileURLWithPath: deviation)) == before)
      #expect(try contents(of: scene.inputs) == ["a.png", "link.nii", "scan.nii", "x.sd.nii"])
    }
  }

  @Test("a folder where a file should go is left as it is, with all that is in it")
  func foldersStay() throws {
    try Scene.with { scene in
      let (path, _) = try sources(scene)
      for name in ["clear.manifest.json", "clear.report.html", "clear.sd.nii"] {
        let folder = scene.outputs.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("precious".utf8).write(to: folder.appendingPathComponent("data.txt"))
        let outcome = try scene.execute(
          scene.run(path, to: "clear.nii", "--if-exists", "replace", "--report", "--samples", "2"))
        #expect(outcome.exitCode == 73 && outcome.errorLines.count == 1, "\(outcome.standardError)")
        #expect(try contents(of: scene.outputs) == [name, "\(name)/data.txt"])
        try FileManager.default.removeItem(at: folder)
      }
    }
  }

  @Test("replacing removes the report and the deviation of the old result, and a report made later is recorded")
  func superseded() throws {
    try Scene.with { scene in
      let (path, _) = try sources(scene)
      func run(_ more: String...) throws {
        let outcome = try scene.execute(
          ["run", path, "-o", scene.output("clear.nii"), "--model", scene.model.path] + more)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      }
      try run("--report", "--samples", "2")
      #expect(try contents(of: scene.outputs).count == 4)
      try run("--if-exists", "replace", "--seed", "5")
      #expect(try contents(of: scene.outputs) == ["clear.manifest.json", "clear.nii"])
      try run("--seed", "5", "--report")
      #expect(try contents(of: scene.outputs).count == 3)
      let manifest = try String(
        contentsOf: scene.outputs.appendingPathComponent("clear.manifest.json"), encoding: .utf8)
      #expect(manifest.contains("clear.report.html"))
    }
  }

  @Test("a stderr that takes nothing changes nothing; a stdout that takes nothing is an error")
  func streams() throws {
    try Scene.with { scene in
      let (path, _) = try sources(scene)
      func shell(_ redirection: String, _ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec \"$0\" \"$@\" \(redirection)", Executable.url.path] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
      }
      #expect(try shell("2>/dev/full", scene.run(path, to: "a.nii")) == 0)
      #expect(try shell("2>&-", scene.run(path, to: "b.nii")) == 0)
      #expect(try contents(of: scene.outputs) == ["a.manifest.json", "a.nii", "b.manifest.json", "b.nii"])
      #expect(try shell("2>&-", ["run", "nothing.nii", "-o", "c.nii", "--model", scene.model.path]) == 66)
      #expect(try shell(">/dev/full", ["models", "info", scene.model.path, "--json"]) == 74)
      // A limit on file sizes fails as a full disk does.
      let outcome = Process()
      outcome.executableURL = URL(fileURLWithPath: "/bin/sh")
      outcome.arguments = ["-c", "ulimit -f 1; exec \"$0\" \"$@\" 2>/dev/null", Executable.url.path]
      outcome.arguments! += scene.run(path, to: "d.nii")
      try outcome.run()
      outcome.waitUntilExit()
      #expect(outcome.terminationReason == .exit && outcome.terminationStatus == 74)
      #expect(try contents(of: scene.outputs).count == 4)
    }
  }

  @Test("a model that gives no numbers gives no result")
  func brokenModel() throws {
    try Scene.with { scene in
      let (path, _) = try sources(scene)
      let good = try ModelFile.read(scene.model)
      var parameters = good.parameters
      let name = try #require(parameters.names.first)
      parameters[name].withUnsafeMutableBuffer { $0[0] = .nan }
      let broken = scene.folder.appendingPathComponent("broken.safetensors")
      try ModelFile.write(card: good.card, parameters: parameters, to: broken)
      for more in [[], ["--report"], ["--dtype", "float32"]] {
        let outcome = try scene.execute(
          ["run", path, "-o", scene.output("clear.nii"), "--model", broken.path] + more)
        #expect(outcome.exitCode == 65, "\(outcome.standardError)")
        #expect(try contents(of: scene.outputs).isEmpty)
      }
    }
  }

  @Test("training says in one line what is wrong with its configuration, its data and its folder")
  func training() throws {
    try Scene.with { scene in
      let good = """
        name: little
        task: denoise
        network: {baseChannels: 32, channelMultipliers: [1], residualBlocks: 1, bottleneckAttention: false}
        prediction: {kind: data, skip: condition}
        intensity: {window: [-1000, 1000]}
        degradation: {kind: rician, levels: [0.1]}
        data: {training: [{path: in/scan.nii, slices: 0-1, source: made up}]}
        patches: {sizes: [16], batch: 1}
        optimizer: {steps: 1, learningRate: 1.0e-3}
        report: {validateEvery: 0}
        """
      _ = try sources(scene)
      var holes = NIfTIBytes([32, 32, 2], float: { i, _, _ in i == 3 ? .nan : 0 })
      holes.spacing = [0.7, 0.7, 2.5]
      _ = try scene.input("holes.nii", holes.data)
      let cases: [(from: String, to: String, output: String, code: Int32, says: String)] = [
        ("scan.nii", "holes.nii", "run", 65, "no numbers"),
        ("0-1", "0-9223372036854775807", "run", 78, "slices"),
        ("0-1", "-1-1", "run", 78, "slices"),
        ("name: little", "name: ../little", "run", 78, "name"),
        ("task: denoise", "task: &a denoise", "run", 78, "&a"),
        ("name", "name", "in/scan.nii", 73, "folder"),
        ("window: [-1000, 1000]", "window: [-1.0e+308, 1.0e+308]", "run", 78, "window"),
      ]
      for wrong in cases {
        try Data(good.replacingOccurrences(of: wrong.from, with: wrong.to).utf8).write(
          to: scene.folder.appendingPathComponent("wrong.yaml"))
        let outcome = try scene.execute(["train", "wrong.yaml", "--output", wrong.output])
        #expect(outcome.exitCode == wrong.code, "\(wrong.to): \(outcome.exitCode) \(outcome.standardError)")
        #expect(outcome.errorLines.last?.contains(wrong.says) == true, "\(outcome.standardError)")
        try? FileManager.default.removeItem(at: scene.folder.appendingPathComponent("run"))
      }
      #expect(try scene.execute(["train", "nothing.yaml", "--output", "run"]).exitCode == 66)
    }
  }
}
