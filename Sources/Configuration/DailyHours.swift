/// A part of every day, such as the night, in local time.
public struct DailyHours: Sendable, Equatable, CustomStringConvertible {
  /// Minute of the day at which it begins, 0..<1440.
  public let start: Int
  /// Minute of the day at which it has ended, 0..<1440; before `start` when midnight lies in between.
  public let end: Int

  /// The hours that a text such as `22:00-06:00` means; nil for anything else, and for no time at all.
  public init?(_ text: String) {
    guard let match = text.wholeMatch(of: /([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})/),
      let start = Self.minute(match.1, match.2), let end = Self.minute(match.3, match.4), start < 1440,
      start != end % 1440
    else { return nil }
    self.start = start
    self.end = end % 1440
  }

  /// Whether a time of day lies in it; the end does not.
  public func contains(hour: Int, minute: Int) -> Bool {
    let now = 60 * hour + minute
    return start < end ? (start..<end).contains(now) : now >= start || now < end
  }

  /// The form that `init` reads.
  public var description: String { "\(Self.text(start))-\(Self.text(end))" }

  private static func minute(_ hour: Substring, _ minute: Substring) -> Int? {
    guard let hour = Int(hour), let minute = Int(minute), minute < 60, 60 * hour + minute <= 1440 else { return nil }
    return 60 * hour + minute
  }

  private static func text(_ minute: Int) -> String {
    "\(minute / 600)\(minute / 60 % 10):\(minute % 60 / 10)\(minute % 10)"
  }
}
