/// How an inbox is watched.
public struct InboxOptions: Sendable {
  /// What tells that a drop is complete.
  public enum Ready: String, Sendable, CaseIterable {
    /// `NAME.done` beside it.
    case sentinel
    /// It was renamed into `new/`.
    case rename
    /// It has not changed for `settle`.
    case stable
    /// Any of these.
    case auto
  }

  /// What happens to a drop whose job is done or given up.
  public enum OnDone: String, Sendable, CaseIterable {
    /// It stays.
    case keep
    /// It is moved to `done/` or `failed/` of the inbox.
    case move
    /// It is removed once its result is committed; one that failed stays.
    case delete
  }

  /// Time between two looks.
  public var poll = Duration.seconds(5)
  /// How long a file must be unchanged.
  public var settle = Duration.seconds(20)
  /// What tells that a drop is complete.
  public var ready = Ready.auto
  /// What happens to a drop in the end.
  public var onDone = OnDone.keep
  /// A text that changes when workflows or models do; drops that were refused for their sake are then taken anew.
  public var site: @Sendable () -> String = { "" }

  /// The options as they stand above.
  public init() {}
}
