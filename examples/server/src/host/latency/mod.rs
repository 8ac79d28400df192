//! `LATENCY`, and how long commands took.

mod histogram;
mod monitor;
mod stats;

pub(crate) use monitor::LatencyMonitor;
pub(crate) use stats::{CommandStat, CommandStats};

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::{Encoder, Request};

use super::is;
use super::subcommands::{Subcommand, dispatch};
use crate::core::Core;

pub(super) static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::admin("latency|doctor", 2, doctor),
    Subcommand::admin("latency|graph", 3, graph),
    Subcommand::new("latency|help", 2, |_, context, _| super::help(context, "LATENCY", HELP)),
    Subcommand::admin("latency|histogram", -2, histogram),
    Subcommand::admin("latency|history", 3, history),
    Subcommand::admin("latency|latest", 2, latest),
    Subcommand::admin("latency|reset", -2, reset),
];

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
];

pub(super) fn latency(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(SUBCOMMANDS, core, context, request)
}

fn latest(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let events = core.latency.events();
    context.reply.array(events.len());
    for (event, series) in events {
        let (second, millis) = series.latest();
        context.reply.array(4);
        context.reply.bulk(event.as_bytes());
        for number in [second, millis, series.longest()] {
            context.reply.integer(number as i64);
        }
    }
    Ok(())
}

fn history(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let Some(series) = core.latency.series(&request[2]) else {
        context.reply.array(0);
        return Ok(());
    };
    let samples = series.samples();
    context.reply.array(samples.len());
    for (second, millis) in samples {
        context.reply.array(2);
        context.reply.integer(second as i64);
        context.reply.integer(millis as i64);
    }
    Ok(())
}

fn reset(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let named = |event: &str| request.iter().skip(2).any(|name| is(name, event));
    let count = core.latency.reset(|event| request.len() == 2 || named(event));
    context.reply.integer(count as i64);
    Ok(())
}

fn graph(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let event = String::from_utf8_lossy(&request[2]);
    let Some(series) = core.latency.series(&request[2]) else {
        return Err(CommandError::text(format!("ERR No samples available for event '{event}'")));
    };
    let graph = series.graph(&event, crate::clock::since_epoch().as_secs());
    context.reply.verbatim(*b"txt", graph.as_bytes());
    Ok(())
}

fn doctor(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    context.reply.verbatim(*b"txt", report(core).as_bytes());
    Ok(())
}

/// What was seen, and what an operator may do.
fn report(core: &Core) -> String {
    let threshold = core.config.latency_monitor_threshold;
    if threshold == 0 {
        return "Latency is not monitored. Set latency-monitor-threshold to the milliseconds from which \
                on an event is to be noted.\n"
            .into();
    }
    let events = core.latency.events();
    if events.len() == 0 {
        return format!("Nothing has taken {threshold} ms or more.\n");
    }
    let now = crate::clock::since_epoch().as_secs();
    let mut report = String::new();
    for (event, series) in events {
        let (mean, deviation, period) = series.spread(now);
        report += &format!(
            "* {event}: {} times in one second or another, {mean} ms on average (give or take \
             {deviation} ms), every {period:.2} seconds; {} ms at most.\n",
            series.samples().len(),
            series.longest(),
        );
    }
    let slow = core.config.slowlog_log_slower_than;
    if slow < 0 || slow as u64 > threshold.saturating_mul(1000) {
        report += "* The slow log does not show these commands: lower slowlog-log-slower-than.\n";
    }
    report += "* SLOWLOG GET names the commands that took long; those that go through a whole \
               collection or database do (KEYS, SMEMBERS, SORT).\n";
    report
}

fn histogram(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let names: Vec<String> =
        request.iter().skip(2).map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let wanted = |stat: &CommandStat| names.is_empty() || names.iter().any(|it| stat.is_of(it));
    let stats = core.command_stats.sorted();
    let stats = stats.into_iter().filter(|stat| stat.times().is_some() && wanted(stat));
    context.reply.map(stats.clone().count());
    stats.for_each(|stat| write_histogram(&mut context.reply, stat));
    Ok(())
}

fn write_histogram(reply: &mut Encoder<'_>, stat: &CommandStat) {
    let Some(times) = stat.times() else { return };
    let powers = times.powers();
    reply.bulk(stat.name.as_bytes());
    reply.map(2);
    reply.bulk(b"calls");
    reply.integer(times.total() as i64);
    reply.bulk(b"histogram_usec");
    reply.map(powers.len());
    for (micros, count) in powers {
        reply.integer(micros as i64);
        reply.integer(count as i64);
    }
}

#[cfg(test)]
mod tests;
