import DurableFiles
import Testing

@Suite struct ByteCountTests {
  @Test(
    "sizes are read as people write them",
    arguments: [("8G", 8 << 30), ("512M", 512 << 20), ("1.5GiB", 3 << 29), ("100", 100), ("2kb", 2048)])
  func parse(text: String, bytes: Int) { #expect(ByteCount.parse(text) == bytes) }

  @Test("other texts are no sizes", arguments: ["", "G", "-1G", "0", "8X", "1e400", "nan"])
  func reject(text: String) { #expect(ByteCount.parse(text) == nil) }

  @Test("sizes are written with a unit")
  func text() {
    #expect(ByteCount.text(1536) == "1.5 KiB" && ByteCount.text(8 << 30) == "8 GiB" && ByteCount.text(12) == "12 bytes")
  }
}
