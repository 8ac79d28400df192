//! Whether a full sync can finish, before it begins.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// What a full sync is up against; [`forecast`](SyncPlan::forecast) says what comes of it.
///
/// All is arithmetic on rates that are taken for constant: data that takes `T` to send over a link
/// that also has to carry, or afterwards to catch up with, what is written meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncPlan {
    /// Bytes of RDB that are to be sent.
    pub data: u64,
    /// Bytes of stream that are written in a second.
    pub write_rate: u64,
    /// Bytes in a second that the link carries, where that is known.
    pub link_rate: Option<u64>,
    /// Bytes of stream that may be held for the replica, in memory and on disk, before it is cut;
    /// `None` sets no limit.
    pub budget: Option<u64>,
    /// Whether the stream flows beside the RDB, and is held at the replica's end.
    pub two_connections: bool,
}

/// What is to be expected of a full sync; `Display` is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncForecast {
    /// What it was made of.
    pub plan: SyncPlan,
    /// Whether it can finish.
    pub outlook: Outlook,
    /// Until the replica is level with its primary; `None` when it never is, or the link's rate is
    /// not known.
    pub time: Option<Duration>,
    /// Bytes of stream that are held for it at most; `None` where the link's rate is not known.
    pub held: Option<u64>,
    /// Bytes in a second that the link must carry at least for it to finish. `u64::MAX` when none
    /// is enough.
    pub needed_rate: u64,
}

/// Whether a full sync can finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The link's rate is not known.
    Unknown,
    /// It can.
    Finishes,
    /// More is written than the link carries: the replica never comes level.
    LinkTooSlow,
    /// What is written while the data is sent is more than may be held: the replica is cut.
    BudgetTooSmall,
}

impl Outlook {
    /// The word for INFO.
    pub fn name(self) -> &'static str {
        match self {
            Outlook::Unknown => "unknown",
            Outlook::Finishes => "finishes",
            Outlook::LinkTooSlow => "link-too-slow",
            Outlook::BudgetTooSmall => "budget-too-small",
        }
    }
}

impl SyncPlan {
    /// What is to be expected.
    #[must_use]
    pub fn forecast(self) -> SyncForecast {
        let needed_rate = self.needed_rate();
        let mut forecast = SyncForecast {
            plan: self,
            outlook: Outlook::Unknown,
            time: None,
            held: None,
            needed_rate,
        };
        let Some(link) = self.link_rate else { return forecast };
        // With one connection all of the link is the data's, and the stream waits; with two, the
        // stream takes its part first.
        let for_data = link - if self.two_connections { self.write_rate.min(link) } else { 0 };
        let sending = seconds(self.data, for_data);
        let written = sending.map(|time| (time * self.write_rate as f64) as u64);
        forecast.held = if self.two_connections { Some(0) } else { written };
        let rest = if self.two_connections { 0 } else { written.unwrap_or(0) };
        let catching_up = seconds(rest, link.saturating_sub(self.write_rate));
        let time = sending.zip(catching_up).map(|(sending, after)| sending + after);
        forecast.time = time.and_then(|time| Duration::try_from_secs_f64(time).ok());
        forecast.outlook = if link <= self.write_rate && self.write_rate > 0 {
            forecast.time = None;
            Outlook::LinkTooSlow
        } else if self.budget.zip(forecast.held).is_some_and(|(budget, held)| held > budget) {
            Outlook::BudgetTooSmall
        } else {
            Outlook::Finishes
        };
        forecast
    }

    fn needed_rate(&self) -> u64 {
        let faster = self.write_rate.saturating_add(u64::from(self.write_rate > 0));
        match self.budget {
            Some(0) if !self.two_connections && self.write_rate > 0 && self.data > 0 => u64::MAX,
            Some(budget) if !self.two_connections && budget > 0 => {
                let product = u128::from(self.write_rate) * u128::from(self.data);
                let rate = product.div_ceil(u128::from(budget));
                faster.max(u64::try_from(rate).unwrap_or(u64::MAX))
            }
            _ => faster,
        }
    }
}

/// How long so many bytes take; `None` for ever.
fn seconds(bytes: u64, rate: u64) -> Option<f64> {
    match (bytes, rate) {
        (0, _) => Some(0.0),
        (_, 0) => None,
        (bytes, rate) => Some(bytes as f64 / rate as f64),
    }
}

impl fmt::Display for SyncForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let plan = &self.plan;
        write!(f, "{:.1} MB of data, {:.1} MB/s of writes, ", mb(plan.data), mb(plan.write_rate))?;
        match plan.link_rate {
            Some(rate) => write!(f, "link of {:.1} MB/s", mb(rate))?,
            None => f.write_str("link of unknown speed")?,
        }
        if let Some(time) = self.time {
            write!(f, ": level in about {:.0} s", time.as_secs_f64().ceil())?;
        }
        if let Some(held) = self.held.filter(|held| *held > 0) {
            write!(f, ", {:.1} MB of stream held meanwhile", mb(held))?;
        }
        if let Some(budget) = plan.budget.filter(|_| !plan.two_connections) {
            write!(f, " of {:.1} MB that may be", mb(budget))?;
        }
        match self.outlook {
            Outlook::Finishes => Ok(()),
            Outlook::Unknown if self.needed_rate == 0 => Ok(()),
            _ if self.needed_rate == u64::MAX => f.write_str("; no link is fast enough"),
            _ => write!(f, "; it needs a link of more than {:.1} MB/s", mb(self.needed_rate)),
        }
    }
}

/// How fast a counter grows, over the last ten seconds.
#[derive(Clone, Debug, Default)]
pub struct RateMeter {
    samples: VecDeque<(Instant, u64)>,
}

/// The stretch that a rate is the mean of.
const WINDOW: Duration = Duration::from_secs(10);
/// Samples closer together than this are one.
const STEP: Duration = Duration::from_millis(100);

impl RateMeter {
    /// The counter is at `total` now. One that is less than it was begins anew.
    pub fn sample(&mut self, total: u64, now: Instant) {
        if self.samples.back().is_some_and(|(_, last)| total < *last) {
            self.samples.clear();
        }
        let late = |at: Instant, than: Duration| now.saturating_duration_since(at) >= than;
        if self.samples.back().is_none_or(|(at, _)| late(*at, STEP)) {
            self.samples.push_back((now, total));
        }
        // One that lies behind the window stays, to measure from.
        while self.samples.get(1).is_some_and(|(at, _)| late(*at, WINDOW)) {
            self.samples.pop_front();
        }
    }

    /// Growth in a second; 0 before there are two samples.
    #[must_use]
    pub fn per_second(&self) -> u64 {
        let ends = self.samples.front().zip(self.samples.back());
        let Some(((began, first), (ended, last))) = ends else { return 0 };
        let time = ended.saturating_duration_since(*began).as_secs_f64();
        if time > 0.0 { ((last - first) as f64 / time) as u64 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MB: u64 = 1_000_000;

    /// The figures of the measurement that this project starts from: 523 MB, 30 MB/s of writes, a
    /// link of 40 MB/s, replicas cut at 256 MB.
    fn measured(link: Option<u64>, budget: u64, two_connections: bool) -> SyncPlan {
        let budget = Some(budget * MB);
        let (data, write_rate, link_rate) = (523 * MB, 30 * MB, link.map(|link| link * MB));
        SyncPlan { data, write_rate, link_rate, budget, two_connections }
    }

    #[test]
    fn the_loop_is_foreseen() {
        let stock = measured(Some(40), 256, false).forecast();
        assert_eq!(stock.outlook, Outlook::BudgetTooSmall);
        assert_eq!(stock.held, Some(392_250_000));
        assert_eq!(stock.needed_rate / MB, 61);
        assert_eq!(
            stock.to_string(),
            "523.0 MB of data, 30.0 MB/s of writes, link of 40.0 MB/s: level in about 53 s, \
             392.2 MB of stream held meanwhile of 256.0 MB that may be; it needs a link of more \
             than 61.3 MB/s"
        );
        let enough = measured(Some(40), 400, false).forecast();
        assert_eq!(enough.outlook, Outlook::Finishes);
        let beside = measured(Some(40), 256, true).forecast();
        assert_eq!((beside.outlook, beside.held), (Outlook::Finishes, Some(0)));
        assert_eq!(beside.time.map(|time| time.as_secs()), Some(52));
        assert_eq!(measured(Some(30), 256, true).forecast().outlook, Outlook::LinkTooSlow);
        let unknown = measured(None, 256, false).forecast();
        assert_eq!((unknown.outlook, unknown.needed_rate / MB), (Outlook::Unknown, 61));
    }

    /// The naive twin: a second by second account of what is sent and held.
    fn simulate(plan: SyncPlan) -> Option<(u64, f64)> {
        let (link, step) = (plan.link_rate? as f64, 1e-3);
        let (mut data, mut held, mut most, mut time) = (plan.data as f64, 0.0_f64, 0.0_f64, 0.0);
        while data > 0.0 || held > 0.0 {
            let mut room = link * step;
            held += plan.write_rate as f64 * step;
            if plan.two_connections || data <= 0.0 {
                let sent = held.min(room);
                (held, room) = (held - sent, room - sent);
            }
            let sent = data.min(room);
            data -= sent;
            if held < plan.write_rate as f64 * step * 1.5 && data <= 0.0 {
                break;
            }
            most = most.max(held);
            time += step;
            if time > 1e3 {
                return None;
            }
        }
        Some((most as u64, time))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn forecasts_are_what_happens(
            data in 1..200_u64,
            write in 0..100_u64,
            link in 1..100_u64,
            budget in 1..200_u64,
            two_connections: bool,
        ) {
            let (rate, link_rate, budget) = (write * MB, Some(link * MB), Some(budget * MB));
            let plan =
                SyncPlan { data: data * MB, write_rate: rate, link_rate, budget, two_connections };
            let forecast = plan.forecast();
            if forecast.outlook == Outlook::LinkTooSlow {
                prop_assert!(link <= write);
                return Ok(());
            }
            let (most, time) = simulate(plan).unwrap();
            let held = forecast.held.unwrap();
            prop_assert!(held.abs_diff(most) < MB, "held {held}, but {most}");
            let expected = forecast.time.unwrap().as_secs_f64();
            prop_assert!((expected - time).abs() < 0.05 * time + 0.1, "{expected} s, but {time}");
            // What it needs is where the answer changes.
            let with = |link| SyncPlan { link_rate: Some(link), ..plan }.forecast().outlook;
            let needed = forecast.needed_rate;
            prop_assert_eq!(with(needed.max(1)), Outlook::Finishes);
            if needed > 1 {
                prop_assert_ne!(with(needed * 99 / 100), Outlook::Finishes);
            }
        }

        #[test]
        fn rates_are_those_of_the_last_seconds(before in 0..100 * MB, rate in 0..100 * MB) {
            let mut meter = RateMeter::default();
            #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
            let start = Instant::now();
            let (mut total, mut now) = (0, start);
            for step in 0..400 {
                meter.sample(total, now);
                now += Duration::from_millis(50);
                total += if step < 150 { before } else { rate } / 20;
            }
            prop_assert!(meter.per_second().abs_diff(rate) <= rate / 50 + 20);
            prop_assert!(meter.samples.len() < 110);
            meter.sample(0, now);
            prop_assert_eq!(meter.per_second(), 0, "it began anew");
        }
    }
}
