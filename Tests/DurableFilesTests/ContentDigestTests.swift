import DurableFiles
import Foundation
import TestSupport
import Testing

/// Vectors of FIPS 180-4 (NIST example values).
private let vectors: [(text: String, hex: String)] = [
  ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
  ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  (
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
  ),
  (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
]

@Test("Digests of data, of streams and of files equal the published vectors", arguments: 0..<4)
func publishedVectors(index: Int) throws {
  let (text, hex) = vectors[index]
  let data = Data(text.utf8)
  #expect(ContentDigest.sha256(of: data) == hex)
  var stream = ContentDigest()
  for start in stride(from: 0, to: data.count, by: 999) {
    Array(data[start..<min(start + 999, data.count)]).withUnsafeBytes { stream.update($0) }
  }
  #expect(stream.hex == hex)
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("f")
    try data.write(to: url)
    #expect(try ContentDigest.sha256(of: url) == hex)
  }
}

@Test("A file longer than one piece is digested whole")
func manyPieces() throws {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("f")
    for count in [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20] {
      let data = Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
      try data.write(to: url)
      #expect(try ContentDigest.sha256(of: url) == ContentDigest.sha256(of: data))
    }
  }
}
