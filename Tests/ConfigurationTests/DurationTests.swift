import Configuration
import Testing

@Suite struct DurationTests {
  static let known: [(text: String, duration: Duration, shortest: String)] = [
    ("20s", .seconds(20), "20s"), ("500ms", .milliseconds(500), "500ms"), ("5m", .seconds(300), "5m"),
    ("1h30m", .seconds(5400), "1h30m"), ("1.5h", .seconds(5400), "1h30m"), ("90m", .seconds(5400), "1h30m"),
    ("2d1ms", .milliseconds(172_800_001), "2d1ms"), ("0s", .zero, "0s"), ("0.25s", .milliseconds(250), "250ms"),
    ("1d2h3m4s5ms", .milliseconds(93_784_005), "1d2h3m4s5ms"), ("1.1h", .seconds(3960), "1h6m"),
    ("4.1m", .seconds(246), "4m6s"), ("1.005s", .milliseconds(1005), "1s5ms"),
  ]

  @Test("durations are read as people write them, and written shortest", arguments: known.indices)
  func parse(index: Int) {
    let (text, duration, shortest) = Self.known[index]
    #expect(DurationText.parse(text) == duration)
    #expect(DurationText.text(duration) == shortest)
  }

  @Test(
    "other texts are no durations",
    arguments: [
      "", "20", "s", "-5s", "5 s", "5S", "30m1h", "5s5s", "1h30", ".5s", "5.s", "0.5ms", "1e3s", "99999999999d", "５s",
    ])
  func reject(text: String) { #expect(DurationText.parse(text) == nil) }

  @Test func `hours over midnight are those before and after it`() throws {
    let night = try #require(DailyHours("22:00-06:00"))
    #expect(night.contains(hour: 22, minute: 0) && night.contains(hour: 23, minute: 59))
    #expect(night.contains(hour: 0, minute: 0) && night.contains(hour: 5, minute: 59))
    #expect(!night.contains(hour: 6, minute: 0) && !night.contains(hour: 21, minute: 59))
    #expect(night.description == "22:00-06:00")
  }

  @Test func `hours of one day have a beginning and an end`() throws {
    let noon = try #require(DailyHours("9:05-13:30"))
    #expect(!noon.contains(hour: 9, minute: 4) && noon.contains(hour: 9, minute: 5))
    #expect(noon.contains(hour: 13, minute: 29) && !noon.contains(hour: 13, minute: 30))
    #expect(noon.description == "09:05-13:30")
    let evening = try #require(DailyHours("18:00-24:00"))
    #expect(evening.contains(hour: 23, minute: 59) && !evening.contains(hour: 0, minute: 0))
  }

  @Test(
    "other texts are no hours",
    arguments: [
      "", "22-6", "22:00", "22:60-06:00", "25:00-06:00", "24:00-06:00", "6:00-6:00", "00:00-24:00", "a:00-06:00",
      "22:00-24:01",
    ])
  func noHours(text: String) { #expect(DailyHours(text) == nil) }
}
