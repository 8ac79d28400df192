//! `SAVE`, `BGSAVE`, `LASTSAVE`, `SHUTDOWN`, and how a snapshot is begun and ended.

use redwire_keyspace::{CommandError, CommandResult, Context, Dataset, Keyspace, Loader};
use redwire_rdb::{DecodeOptions, EncodeOptions, Version};
use redwire_repl::RdbFilter;
use redwire_resp::Request;

use super::is;
use crate::core::{Action, Core};
use crate::log::{notice, warning};
use crate::persist::{FileLoad, Job, JobEvent, JobPlan, LoadFailure, Notes, RdbLoad, Target};
use crate::replication::rdb_version;
use crate::saves::Purpose;

pub(super) fn save(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    if core.saves.running.is_some() {
        return Err(CommandError::text("ERR Background save already in progress"));
    }
    core.save_now(context.data.keyspace()).map_err(|_| CommandError::text("ERR"))?;
    context.reply.ok();
    Ok(())
}

pub(super) fn bgsave(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let schedule = match (request.arg(1), request.len()) {
        (None, _) => false,
        (Some(option), 2) if is(option, "schedule") => true,
        (Some(option), 2) if is(option, "cancel") => return cancel(core, context),
        _ => return Err(CommandError::Syntax),
    };
    match &core.saves.running {
        Some(running) if matches!(running.purpose, Purpose::File) => {
            return Err(CommandError::text("ERR Background save already in progress"));
        }
        // Inside of a transaction the stream does not have yet what the data has already.
        _ if schedule && core.saves.running.is_some()
            || context.session.executing_transaction() =>
        {
            core.saves.scheduled = true;
            context.reply.simple("Background saving scheduled");
            return Ok(());
        }
        Some(_) => {
            return Err(CommandError::text(
                "ERR Another child process is active (?): can't BGSAVE right now. Use BGSAVE \
                 SCHEDULE in order to schedule a BGSAVE whenever possible.",
            ));
        }
        None => {}
    }
    core.begin_save(context.data.keyspace()).map_err(CommandError::text)?;
    context.reply.simple("Background saving started");
    Ok(())
}

/// `BGSAVE CANCEL` (Valkey 8.1): of the file only, not of what replicas wait for.
fn cancel(core: &mut Core, context: &mut Context<'_>) -> CommandResult {
    let running = core.saves.running.as_ref().map(|running| &running.purpose);
    if matches!(running, Some(Purpose::File)) {
        notice!("Background saving is cancelled");
        core.abandon_snapshot(context.data.keyspace());
        context.reply.simple("Background saving cancelled");
    } else if std::mem::take(&mut core.saves.scheduled) {
        context.reply.simple("Scheduled background saving cancelled");
    } else {
        return Err(CommandError::text(
            "ERR Background saving is currently not in progress or scheduled",
        ));
    }
    Ok(())
}

pub(super) fn lastsave(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    context.reply.integer(core.saves.last_save.as_secs() as i64);
    Ok(())
}

pub(super) fn shutdown(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let (mut save, mut force) = (None, false);
    for option in request.iter().skip(1) {
        match option {
            option if is(option, "save") && save.is_none() => save = Some(true),
            option if is(option, "nosave") && save.is_none() => save = Some(false),
            option if is(option, "force") => force = true,
            option if is(option, "now") => {}
            // They are about a cluster's primaries, which there are none of.
            option if is(option, "safe") || is(option, "failover") => {}
            option if is(option, "abort") && request.len() == 2 => {
                return Err(CommandError::text("ERR No shutdown in progress."));
            }
            _ => return Err(CommandError::Syntax),
        }
    }
    core.actions.push(Action::Shutdown { by: context.session.id(), save, force });
    Ok(())
}

/// A snapshot that is to be taken.
pub(crate) struct Wanted {
    pub(crate) target: Target,
    pub(crate) purpose: Purpose,
    /// What is left out.
    pub(crate) filter: RdbFilter,
    /// The version to write, if that holds the data; else the oldest that does.
    pub(crate) version: Option<Version>,
    /// The database that the replication stream is in.
    pub(crate) stream_db: Option<u32>,
}

impl Core {
    /// Begins a save to `dump.rdb` beside other work.
    pub(crate) fn begin_save(&mut self, keyspace: &mut Keyspace) -> Result<(), String> {
        notice!("Background saving started by pid {}", std::process::id());
        self.begin_snapshot(self.dump_wanted(), keyspace)
    }

    /// A snapshot of everything to `dump.rdb`.
    fn dump_wanted(&self) -> Wanted {
        Wanted {
            target: self.dump_target(),
            purpose: Purpose::File,
            filter: RdbFilter::default(),
            version: None,
            stream_db: self.primary.stream_db(),
        }
    }

    /// `dump.rdb`, as the configuration wants it written.
    pub(crate) fn dump_target(&self) -> Target {
        let incremental_sync = self.config.rdb_save_incremental_fsync;
        Target::File { path: self.config.rdb_path(), incremental_sync }
    }

    /// Begins a snapshot of the data set as it is now.
    pub(crate) fn begin_snapshot(
        &mut self,
        wanted: Wanted,
        keyspace: &mut Keyspace,
    ) -> Result<(), String> {
        let Wanted { target, purpose, filter, version, stream_db } = wanted;
        let mut plan = self.plan(target, version, stream_db, keyspace);
        if filter.no_compression {
            plan.options.compress = false;
        }
        if filter.no_functions {
            plan.functions.clear();
        }
        let unknown = matches!(purpose, Purpose::Replicas { .. }) && version.is_none();
        if unknown && plan.options.target == Version::REDIS_7_4 {
            warn_of_expiring_fields(keyspace.data());
        }
        let job = Job::start(plan, self.waker.clone())
            .map_err(|error| format!("ERR can't start the snapshot thread: {error}"))?;
        if !filter.no_data && !keyspace.begin_snapshot() {
            return Err("ERR Background save already in progress".into());
        }
        self.saves.begin(job, purpose, keyspace, self.now);
        Ok(())
    }

    fn plan(
        &self,
        target: Target,
        version: Option<Version>,
        stream_db: Option<u32>,
        keyspace: &Keyspace,
    ) -> JobPlan {
        let data = keyspace.data();
        let options = EncodeOptions {
            target: version_for(data, version),
            compress: self.config.rdbcompression,
            checksum: self.config.rdbchecksum,
            thresholds: keyspace.settings().thresholds.clone(),
        };
        JobPlan {
            options,
            aux: self.aux(stream_db),
            functions: data.functions().map(<[u8]>::to_vec).collect(),
            sizes: (0..data.database_count()).map(|db| (data.len(db), data.expiring(db))).collect(),
            target,
            disk: self.disk.clone(),
        }
    }

    /// The notes at the head of a file, in Redis' order.
    fn aux(&self, stream_db: Option<u32>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut aux: Vec<(&str, String)> = vec![
            ("redis-ver", super::info::REDIS_VERSION.into()),
            ("redis-bits", "64".into()),
            ("ctime", crate::clock::since_epoch().as_secs().to_string()),
            ("used-mem", super::info::resident_memory().to_string()),
        ];
        if self.primary.backlog().is_some() || self.is_replica() {
            let stream_db = stream_db.map_or(-1, i64::from);
            aux.push(("repl-stream-db", stream_db.to_string()));
            aux.push(("repl-id", self.primary.history().replid().to_string()));
            aux.push(("repl-offset", self.primary.offset().get().to_string()));
        }
        aux.push(("aof-base", "0".into()));
        aux.into_iter().map(|(key, value)| (key.into(), value.into_bytes())).collect()
    }

    /// Saves to `dump.rdb` and waits for it.
    pub(crate) fn save_now(&mut self, keyspace: &mut Keyspace) -> Result<(), String> {
        self.abandon_snapshot(keyspace);
        self.begin_snapshot(self.dump_wanted(), keyspace)?;
        let Some(running) = self.saves.running.take() else { return Ok(()) };
        let (began, changes) = (running.began, running.changes);
        let event = running.finish(keyspace);
        let took = crate::clock::now().saturating_duration_since(began);
        self.end_save(event, changes, took)
    }

    /// Notes how a save to `dump.rdb` ended.
    pub(crate) fn end_save(
        &mut self,
        event: JobEvent,
        changes: u64,
        took: std::time::Duration,
    ) -> Result<(), String> {
        match event {
            JobEvent::Done(_) => {
                self.save_has_ended(changes, took);
                Ok(())
            }
            JobEvent::Failed(reason) => {
                self.saves.ended(None, took, crate::clock::since_epoch());
                warning!("Error saving DB on disk: {reason}");
                Err(reason)
            }
        }
    }

    /// Notes that a save to `dump.rdb` ended well.
    pub(crate) fn save_has_ended(&mut self, changes: u64, took: std::time::Duration) {
        self.saves.ended(Some(changes), took, crate::clock::since_epoch());
        notice!("DB saved on disk");
    }

    /// Gives up the snapshot under way: its file is removed, replicas that wait for it are cut.
    pub(crate) fn abandon_snapshot(&mut self, keyspace: &mut Keyspace) {
        if let Some(running) = self.saves.running.take() {
            keyspace.abort_snapshot();
            if matches!(running.purpose, Purpose::Replicas { .. }) {
                self.primary.snapshot_failed(self.now);
            }
        }
    }

    /// Opens `dump.rdb` to be loaded; `None` when there is none.
    pub(crate) fn open_dump(&mut self) -> Result<Option<FileLoad>, LoadFailure> {
        let data = Dataset::new(self.config.databases, self.entropy.number());
        // Commands of the stream that is kept on disk may be about keys that have expired since.
        let replays = self.config.segments_path().exists();
        let drop_expired = (!self.is_replica() && !replays).then_some(self.unix_ms);
        let options =
            DecodeOptions { verify_checksum: self.config.rdbchecksum, ..DecodeOptions::default() };
        let loader = Loader::new(data, drop_expired);
        let loader = loader.dating(self.unix_ms, &crate::core::settings(&self.config));
        let load = RdbLoad::new(loader, options);
        Ok(FileLoad::open(&self.config.rdb_path(), load)?)
    }

    /// Loads `dump.rdb` in place of the data set and waits for it (`DEBUG RELOAD`).
    pub(crate) fn load_now(&mut self, keyspace: &mut Keyspace) -> Result<(), String> {
        let opened = self.open_dump().map_err(|failure| failure.to_string())?;
        let Some(mut load) = opened else { return Err("no RDB file".into()) };
        while !load.step().map_err(|failure| failure.to_string())? {}
        let (data, _notes): (Dataset, Notes) = load.finish();
        keyspace.replace_data(data);
        self.saves.in_line_with_file(keyspace);
        Ok(())
    }
}

/// Says why a replica may refuse its snapshot: a Redis does not tell which version it is.
fn warn_of_expiring_fields(data: &Dataset) {
    let Some((db, key)) = data.expiring_hash() else { return };
    let version = Version::REDIS_7_4;
    notice!(
        "The snapshot is {version}, which servers before Redis 7.4 refuse, as there are fields of \
         hashes that expire, among them some of key {key:?} in database {db}"
    );
}

/// The version for a file (none is `known`), or for replicas that are known to read `known`.
///
/// Where `known` does not hold what is in `data`, it is the oldest that does. An older Valkey reads no
/// hash with fields that expire: there the error that names the key says more than its refusal.
fn version_for(data: &Dataset, known: Option<Version>) -> Version {
    match known {
        Some(version) if rdb_version::holds(version, data) => version,
        Some(Version::REDIS_7_2) if data.expiring_hash().is_some() => Version::REDIS_7_2,
        _ => oldest_version(data),
    }
}

/// The oldest version that holds what is in `data`: what every server from Redis 6.0 on loads,
/// unless a function, a stream, a hash with fields that expire or a value that is kept as bytes wants
/// a later one.
///
/// A stream wants Redis 7.0 for its counts, which clients read as no data. Where the data came from
/// an older server, others of its kind may be the ones to read it, and the counts are left out.
///
/// Where no version holds all of it, encoding fails with the name of the key.
fn oldest_version(data: &Dataset) -> Version {
    let functions = data.functions().next().is_some();
    let among_old = data.origin().is_some_and(|origin| origin < Version::REDIS_7_0);
    let types = data.needed_types().filter(|form| !(among_old && *form == STREAM_WITH_COUNTS));
    Version::oldest(types, functions).unwrap_or(Version::REDIS_8_6)
}

/// The RDB type of streams since Redis 7.0.
const STREAM_WITH_COUNTS: u8 = 19;

#[cfg(test)]
mod tests {
    use redwire_keyspace::{NoHost, Session, Settings};
    use redwire_resp::RequestBuf;

    use super::*;

    #[test]
    fn the_version_is_the_one_known_or_the_oldest_that_holds_the_data() {
        let mut keyspace = Keyspace::new(Settings::default(), 42);
        let mut run = |line: &str| {
            let (mut session, mut out) = (Session::new(1), Vec::new());
            let request = RequestBuf::from_args(line.split(' '));
            let now = redwire_keyspace::UnixMs(1);
            keyspace.execute(&mut NoHost, &mut session, request.as_request(), now, &mut out);
            let known = [None, Some(Version::REDIS_7_2), Some(Version::VALKEY_9)];
            let versions = known.map(|known| version_for(keyspace.data(), known));
            versions.map(Version::number)
        };
        assert_eq!(run("HSET h f v g w"), [9, 11, 80]);
        assert_eq!(run("HEXPIRE h 100 FIELDS 1 f"), [12, 11, 80]);
        assert_eq!(run("XADD s 1 f v"), [12, 11, 80]);
        assert_eq!(run("HSET h f v"), [10, 11, 80]);
        assert_eq!(run("HSETEX h EX 9 FIELDS 1 f v"), [12, 11, 80]);
        assert_eq!(run("COPY h i"), [12, 11, 80]);
        assert_eq!(run("HDEL h f"), [12, 11, 80]);
        assert_eq!(run("DEL i"), [10, 11, 80]);
    }
}
