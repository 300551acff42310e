import Configuration
import Foundation
import Testing

/// The repository that these tests are part of.
enum Repository {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}

/// The error that `body` throws, which must be a `ConfigurationError` of one line; nil, and a failed test, otherwise.
func refusal(
  _ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
) -> ConfigurationError? {
  do {
    try body()
    Issue.record("nothing was refused", sourceLocation: sourceLocation)
  } catch let error as ConfigurationError {
    #expect(!error.description.contains { $0.isNewline }, sourceLocation: sourceLocation)
    return error
  } catch {
    Issue.record("another error: \(error)", sourceLocation: sourceLocation)
  }
  return nil
}
