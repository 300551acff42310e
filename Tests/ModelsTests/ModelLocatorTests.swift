import Foundation
import Models
import TestSupport
import Testing

@Suite struct ModelLocatorTests {
  private func touch(_ folder: URL, _ path: String) throws -> URL {
    let url = folder.appendingPathComponent(path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("x".utf8).write(to: url)
    return url
  }

  @Test("a name is looked for in the stated folders, the first one wins") func order() throws {
    try withTemporaryFolder { root in
      let shared = try touch(root, "home/.local/share/pellucid/models/a.safetensors")
      let locator = ModelLocator(
        environment: ["PELLUCID_MODELS": "\(root.path)/one:two", "HOME": root.appendingPathComponent("home").path],
        workingFolder: root.appendingPathComponent("work"),
        executable: root.appendingPathComponent("clone/.build/release/pellucid"))
      #expect(try locator.locate("a").path == shared.path)
      let clone = try touch(root, "clone/Workflows/models/a.safetensors")
      #expect(try locator.locate("a").path == clone.path)
      let working = try touch(root, "work/Workflows/models/a.safetensors")
      #expect(try locator.locate("a").path == working.path)
      let second = try touch(root, "work/two/a.safetensors")
      #expect(try locator.locate("a").path == second.path)
      let first = try touch(root, "one/a.safetensors")
      #expect(try locator.locate("a").path == first.path)
      #expect(try locator.locate("a.safetensors").path == first.path)
      _ = try touch(root, "work/two/b.safetensors")
      #expect(locator.available.map(\.name) == ["a", "b"])
      #expect(locator.available.first?.url.path == first.path)
    }
  }

  @Test("an installed executable finds the models beside its folder") func installed() throws {
    try withTemporaryFolder { root in
      let model = try touch(root, "share/pellucid/models/a.safetensors")
      let locator = ModelLocator(
        environment: [:], workingFolder: root.appendingPathComponent("else"),
        executable: root.appendingPathComponent("bin/pellucid"))
      #expect(try locator.locate("a").path == model.path)
    }
  }

  @Test("a path is taken as it is") func path() throws {
    try withTemporaryFolder { root in
      let model = try touch(root, "work/here.safetensors")
      let locator = ModelLocator(environment: [:], workingFolder: root.appendingPathComponent("work"), executable: nil)
      #expect(try locator.locate("here.safetensors").path == model.path)
      #expect(try locator.locate("./here.safetensors").standardizedFileURL.path == model.path)
      #expect(try locator.locate(model.path).path == model.path)
    }
  }

  @Test("what is not there is told with the places and the names that are") func missing() throws {
    try withTemporaryFolder { root in
      _ = try touch(root, "work/Workflows/models/ct-denoise.safetensors")
      let locator = ModelLocator(environment: [:], workingFolder: root.appendingPathComponent("work"), executable: nil)
      let name = modelError { _ = try locator.locate("ct-denoize") }
      #expect(name?.kind == .notFound)
      #expect(
        name?.description.contains("ct-denoise") == true && name?.description.contains("work/Workflows/models") == true)
      #expect(modelError { _ = try locator.locate("some/file.safetensors") }?.kind == .notFound)
      #expect(modelError { _ = try locator.locate("gone.safetensors") }?.kind == .notFound)
    }
  }
}
