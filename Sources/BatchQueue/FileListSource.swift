import DurableFiles
import Foundation

/// Files that were named once, for a batch.
public final class FileListSource: DropSource {
  private var requests: [IntakeRequest]

  /// The files of a batch.
  public init(_ requests: [IntakeRequest]) { self.requests = requests }

  /// All of them, the first time.
  public func look() -> [IntakeRequest] {
    defer { requests = [] }
    return requests
  }

  /// Nothing: the runner keeps the replies.
  public func hear(_ reply: IntakeReply, about request: IntakeRequest) {}

  /// Files that were not handed over yet.
  public var pending: Int { requests.count }
  /// There is nothing to look for again.
  public var interval: Duration { .seconds(3600) }
  /// None.
  public var hint: Int32 { -1 }
}
