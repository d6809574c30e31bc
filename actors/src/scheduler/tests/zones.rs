//! Clocks that are set forward and back, in words of the calendar.

use events::{Schedule, Timing};

use super::super::next_planned;
use crate::testing::at;

/// The planned moments of a cron expression in a zone after a moment.
fn planned(zone: &str, cron: &str, after: &str, most: usize) -> Vec<String> {
    let schedule = Schedule { zone: zone.to_owned(), ..Schedule::cron(cron) };
    next_planned(&schedule, at(after), most).iter().map(ToString::to_string).collect()
}

#[test]
fn a_named_hour_that_is_left_out_comes_at_the_end_of_what_is_left_out_once() {
    // Berlin, 30 March 2025: from 02:00 to 03:00, at 01:00 UTC.
    let both = ["2025-03-29T01:30:00Z", "2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z"];
    assert_eq!(planned("Europe/Berlin", "30 2 * * *", "2025-03-28T12:00:00Z", 3), both);
    let quarters = planned("Europe/Berlin", "*/15 2 * * *", "2025-03-30T00:00:00Z", 2);
    assert_eq!(quarters, ["2025-03-30T01:00:00Z", "2025-03-31T00:00:00Z"], "four in one");
    let with_three = planned("Europe/Berlin", "0 2,3 * * *", "2025-03-30T00:00:00Z", 2);
    assert_eq!(with_three, ["2025-03-30T01:00:00Z", "2025-03-31T00:00:00Z"], "two and three are one moment");
}

#[test]
fn an_hour_of_any_goes_on_where_the_clock_is_set_forward() {
    let hourly = planned("Europe/Berlin", "30 * * * *", "2025-03-29T23:45:00Z", 3);
    assert_eq!(hourly, ["2025-03-30T00:30:00Z", "2025-03-30T01:30:00Z", "2025-03-30T02:30:00Z"]);
    let every_second_hour = planned("Europe/Berlin", "0 */2 * * *", "2025-03-29T22:30:00Z", 3);
    assert_eq!(every_second_hour, ["2025-03-29T23:00:00Z", "2025-03-30T02:00:00Z", "2025-03-30T04:00:00Z"]);
}

#[test]
fn a_named_hour_that_is_repeated_comes_in_the_first_pass_alone() {
    // Berlin, 26 October 2025: from 03:00 back to 02:00, at 01:00 UTC.
    let half_past_two = planned("Europe/Berlin", "30 2 * * *", "2025-10-25T12:00:00Z", 2);
    assert_eq!(half_past_two, ["2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"]);
    let from_second_pass = planned("Europe/Berlin", "*/20 2 * * *", "2025-10-26T01:10:00Z", 1);
    assert_eq!(from_second_pass, ["2025-10-27T01:00:00Z"]);
}

#[test]
fn an_hour_of_any_goes_on_through_both_passes() {
    let half_hours = planned("Europe/Berlin", "*/30 * * * *", "2025-10-25T23:45:00Z", 6);
    let all = [
        "2025-10-26T00:00:00Z",
        "2025-10-26T00:30:00Z",
        "2025-10-26T01:00:00Z",
        "2025-10-26T01:30:00Z",
        "2025-10-26T02:00:00Z",
        "2025-10-26T02:30:00Z",
    ];
    assert_eq!(half_hours, all);
}

#[test]
fn half_an_hour_is_set_back_on_lord_howe() {
    // 6 April 2025: from 02:00 back to 01:30, at 15:00 UTC of the 5th.
    let quarters = planned("Australia/Lord_Howe", "*/15 * * * *", "2025-04-05T14:31:00Z", 4);
    let all =
        ["2025-04-05T14:45:00Z", "2025-04-05T15:00:00Z", "2025-04-05T15:15:00Z", "2025-04-05T15:30:00Z"];
    assert_eq!(quarters, all);
    let named = planned("Australia/Lord_Howe", "45 1 * * *", "2025-04-05T12:00:00Z", 2);
    assert_eq!(named, ["2025-04-05T14:45:00Z", "2025-04-06T15:15:00Z"]);
    // 5 October 2025: from 02:00 to 02:30.
    let left_out = planned("Australia/Lord_Howe", "15 2 * * *", "2025-10-04T12:00:00Z", 1);
    assert_eq!(left_out, ["2025-10-04T15:30:00Z"]);
}

#[test]
fn a_day_that_never_was_comes_at_its_end() {
    // Samoa had no 30 December 2011.
    let noon = planned("Pacific/Apia", "0 12 * * *", "2011-12-29T00:00:00Z", 3);
    assert_eq!(noon, ["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"]);
}

#[test]
fn seconds_stand_first_of_six_fields() {
    let seconds = planned("UTC", "*/20 59 23 * * *", "2025-01-01T23:59:19.5Z", 3);
    assert_eq!(seconds, ["2025-01-01T23:59:20Z", "2025-01-01T23:59:40Z", "2025-01-02T23:59:00Z"]);
}

#[test]
fn steps_are_counted_from_midnight() {
    let every = |seconds, after, most| {
        let schedule = Schedule { zone: "Asia/Kolkata".into(), ..Schedule::new(Timing::EveryS(seconds)) };
        let moments = next_planned(&schedule, at(after), most);
        moments.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(every(30, "2025-01-01T00:00:30Z", 1), ["2025-01-01T00:01:00Z"]);
    let seven_hours = every(7 * 3600, "2025-01-01T13:00:00Z", 3);
    assert_eq!(seven_hours, ["2025-01-01T14:00:00Z", "2025-01-01T21:00:00Z", "2025-01-02T00:00:00Z"]);
    assert_eq!(every(2 * 86_400, "1970-01-02T00:00:00Z", 1), ["1970-01-03T00:00:00Z"]);
}
