//! [`Context`]: what a command function works with.

use redwire_resp::Encoder;

use crate::ahead::Key;
use crate::command::Command;
use crate::database::{EntryMut, EntryRef, Found, Place};
use crate::error::CommandError;
use crate::events::EventClass;
use crate::keyspace::{Keyspace, Random, Role, Written};
use crate::session::{Origin, Session};
use crate::usage::Meter;
use crate::value::{Kind, Live, StrRef};
use crate::{Blob, Hash, KeyUsage, Str, UnixMs, Value, ValueRef};

/// A command's view of the world while it runs: the data, the reply to write, the session.
///
/// The three are fields, so that a command can hold a value of `data` while it writes `reply`.
#[derive(Debug)]
pub struct Context<'a> {
    /// The selected database.
    pub data: Data<'a>,
    /// Where the reply goes. A command writes one reply, or answers an error and writes none:
    /// what it wrote before the error is taken back.
    pub reply: Encoder<'a>,
    /// The connection.
    pub session: &'a mut Session,
    /// The commands of the server around the keyspace, for `COMMAND` to tell of.
    pub(crate) host_commands: &'static [Command],
}

/// The keyspace as the running command sees it: one database, at one moment.
///
/// Keys whose time is over are not there (on a primary they are deleted on sight). Every change
/// goes through a method of this type, and then `changed` tells watchers, subscribers and
/// replicas of it.
#[derive(Debug)]
pub struct Data<'a> {
    pub(crate) keyspace: &'a mut Keyspace,
    pub(crate) db: u32,
    /// The one that was selected when the command began, which knows the place of its key.
    home: u32,
    now: UnixMs,
    origin: Origin,
    /// The command sees keys and fields whose time is over.
    sees_past: bool,
    /// The command may write.
    writes: bool,
    effect: EffectPlan,
    /// What was found out of its keys, in their order, if anything was.
    keys: &'a [Key],
}

/// What replicas get of the running command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EffectPlan {
    /// The request as it came, if it changed anything.
    Verbatim,
    /// The request as it came, whether it changed anything or not.
    Forced,
    /// What the command has pushed itself, which may be nothing.
    Own,
}

/// Whatever way the command ends: its key is no more than some bytes from now on.
impl Drop for Data<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(database) = self.keyspace.data.databases.get_mut(self.home as usize) {
            database.forget_place();
        }
    }
}

impl<'a> Data<'a> {
    /// The view of a command, which may write if `writes`; `first` is the key that it is about, if it is
    /// known, and its place, `keys` what was found out of that and the others.
    #[inline]
    pub(crate) fn new(
        keyspace: &'a mut Keyspace,
        session: &Session,
        now: UnixMs,
        writes: bool,
        first: Option<(&'a [u8], Place)>,
        keys: &'a [Key],
    ) -> Self {
        let sees_past = keyspace.sees_past(session);
        keyspace.meter = Meter { now, still: session.no_touch };
        if let Some((key, place)) = first {
            let near = keys.first().and_then(Key::near);
            keyspace.data.databases[session.db as usize].remember_place(key, place, near);
        }
        Self {
            keyspace,
            db: session.db,
            home: session.db,
            now,
            origin: session.origin(),
            sees_past,
            writes,
            effect: EffectPlan::Verbatim,
            keys,
        }
    }

    /// To be called before the command's key number `nth` has its turn, counted from 0: where it stands may
    /// be known. Commands with one key need not.
    #[inline]
    pub(crate) fn turn_to(&mut self, nth: usize, key: &[u8]) {
        if let Some(it) = self.keys.get(nth) {
            let database = &mut self.keyspace.data.databases[self.home as usize];
            database.remember_place(key, it.place(), it.near());
        }
    }

    /// The moment at which the command runs.
    #[must_use]
    pub fn now(&self) -> UnixMs {
        self.now
    }

    /// The whole keyspace, for commands about more than one key.
    pub fn keyspace(&mut self) -> &mut Keyspace {
        self.keyspace
    }

    pub(crate) fn effect_plan(&self) -> EffectPlan {
        self.effect
    }

    /// The value of `key` to read, counted as a hit or a miss, and as a use of the key.
    pub(crate) fn find(&mut self, key: &[u8]) -> Option<ValueRef<'_>> {
        let meter = self.keyspace.meter;
        self.find_metered(key, meter, true).map(|entry| entry.value)
    }

    /// The entry of `key` to be looked at, counted as a hit or a miss, but as no use of the key.
    pub(crate) fn look(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let meter = Meter { still: true, ..self.keyspace.meter };
        self.find_metered(key, meter, true)
    }

    /// The same, of which nobody is told who wants to know of keys that are not there.
    pub(crate) fn look_quietly(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let meter = Meter { still: true, ..self.keyspace.meter };
        self.find_metered(key, meter, false)
    }

    /// The entry of `key` to read, which is a use of the key.
    pub(crate) fn find_entry(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.find_metered(key, self.keyspace.meter, true)
    }

    #[inline]
    fn find_metered(&mut self, key: &[u8], meter: Meter, tell: bool) -> Option<EntryRef<'_>> {
        let looks = self.drop_if_expired(key);
        let Keyspace { data, stats, settings, random, events, .. } = &mut *self.keyspace;
        let entry = data.find_mut(self.db, key);
        let is_seen =
            |entry: &EntryMut<'_>| !looks || is_there(entry.view(), self.now, self.sees_past);
        let Some(entry) = entry.filter(is_seen) else {
            stats.keyspace_misses += 1;
            if tell {
                events.push(EventClass::Miss, "keymiss", self.db, key);
            }
            return None;
        };
        stats.keyspace_hits += 1;
        Some(entry.into_used(|clock| meter.used(clock, false, settings, random)))
    }

    /// Has the command's look-ups count as uses of keys, whatever the session says.
    pub(crate) fn leave_traces(&mut self) {
        self.keyspace.meter.still = false;
    }

    /// The clock of `key`, if it is there: how long it was not used, and how often it was.
    pub(crate) fn clock(&mut self, key: &[u8]) -> Option<u32> {
        self.peek_entry(key).map(EntryRef::clock)
    }

    /// Counts a use of `key`, which is to be moved; answers its clock then.
    pub(crate) fn use_of(&mut self, key: &[u8]) -> Option<u32> {
        self.keyspace.use_entry(self.db, key).map(|entry| entry.view().clock())
    }

    /// Sets the clock of `key`, which was just put in, to what is known of its use.
    pub(crate) fn know_usage(&mut self, key: &[u8], usage: Option<KeyUsage>) {
        if usage.is_some() {
            let clock = self.keyspace.meter.known(usage, &self.keyspace.settings);
            self.set_clock(key, clock);
        }
    }

    /// Sets the clock of `key`, if it is there.
    pub(crate) fn set_clock(&mut self, key: &[u8], clock: u32) {
        if let Some(mut entry) = self.keyspace.data.find_mut(self.db, key) {
            entry.set_clock(clock);
        }
    }

    /// The value of `key`, without counting the look-up.
    pub(crate) fn peek(&mut self, key: &[u8]) -> Option<ValueRef<'_>> {
        self.peek_entry(key).map(|entry| entry.value)
    }

    #[inline]
    fn peek_entry(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.look_up(key).map(|(_, entry)| entry)
    }

    /// The entry of `key`, and where it is, for who changes it or not by what it is.
    #[inline]
    fn look_up(&mut self, key: &[u8]) -> Option<(Found, EntryRef<'_>)> {
        self.drop_if_expired(key);
        let database = &self.keyspace.data.databases[self.db as usize];
        let found = database.look_up(key)?;
        let entry = database.found(found);
        is_there(entry, self.now, self.sees_past).then_some((found, entry))
    }

    /// The value of `key` to read, if it is of type `K`.
    pub(crate) fn read<K: Kind>(&mut self, key: &[u8]) -> Result<Option<K::Ref<'_>>, CommandError> {
        self.find(key).map(|value| K::of(value).ok_or(CommandError::WrongType)).transpose()
    }

    /// The value of `key`, if it is of type `K`, without counting the look-up.
    pub(crate) fn peek_as<K: Kind>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<K::Ref<'_>>, CommandError> {
        self.peek(key).map(|value| K::of(value).ok_or(CommandError::WrongType)).transpose()
    }

    /// The hash at `key` to read, without the fields whose time is over.
    pub(crate) fn read_hash(&mut self, key: &[u8]) -> Result<Option<Live<'_>>, CommandError> {
        let now = self.sight();
        let hash = self.read::<Hash>(key)?;
        Ok(hash.map(|hash| Live::new(hash, now)))
    }

    /// The moment whose past the command does not see; `None` where it sees all that is there.
    pub(crate) fn sight(&self) -> Option<UnixMs> {
        (!self.sees_past).then_some(self.now)
    }

    /// Deletes those of the named fields of a hash whose time is over, before they are written: on
    /// a primary replicas are told, and the key goes with the last field.
    #[inline]
    pub(crate) fn expire_named<'n>(&mut self, key: &[u8], names: impl Iterator<Item = &'n [u8]>) {
        if !self.sees_past && self.has_expiries() && self.has_expired_fields(key) {
            self.expire_those(key, names.collect());
        }
    }

    /// Whether fields of the hash at `key` are over, beyond those that go on sight.
    fn has_expired_fields(&mut self, key: &[u8]) -> bool {
        self.drop_if_expired(key);
        let entry = self.keyspace.data.find(self.db, key);
        entry.and_then(|it| Hash::of(it.value)).is_some_and(|hash| hash.has_expired(self.now))
    }

    fn expire_those(&mut self, key: &[u8], mut names: Vec<&[u8]>) {
        let (now, is_primary) = (self.now, self.expires_keys());
        let Some(entry) = self.keyspace.entry_mut(self.db, key) else { return };
        let Some(hash) = Hash::of_mut(&mut entry.into_whole().value) else { return };
        names.retain(|name| {
            let expired = hash.expires(name).is_some_and(|at| now.is_past(at));
            expired && hash.remove(name).is_some()
        });
        let is_empty = hash.is_empty();
        if is_primary {
            let names: Vec<Blob> = names.into_iter().map(Blob::from).collect();
            self.keyspace.fields_expired(self.db, key, &names);
        } else if is_empty {
            self.keyspace.remove(self.db, key);
        } else {
            self.keyspace.data.databases[self.db as usize].hash_changed(key);
        }
    }

    /// To be called when fields of the hash at `key` were told to expire.
    pub(crate) fn fields_expire(&mut self, key: &[u8]) {
        self.keyspace.data.databases[self.db as usize].note_field_expiries(key);
    }

    /// The value of `key` to change, if it is there and of type `K`.
    pub(crate) fn write<K: Kind>(&mut self, key: &[u8]) -> Result<Option<&mut K>, CommandError> {
        self.drop_if_expired(key);
        let (now, sees_past) = (self.now, self.sees_past);
        let entry = self.keyspace.use_entry(self.db, key);
        let Some(entry) = entry.filter(|entry| is_there(entry.view(), now, sees_past)) else {
            return Ok(None);
        };
        if K::of(entry.view().value).is_none() {
            return Err(CommandError::WrongType);
        }
        Ok(K::of_mut(&mut entry.into_whole().value))
    }

    /// The value of `key` to change; an empty one of type `K` is put there if the key is not.
    ///
    /// The caller either adds to it or calls [`Data::delete_if_gone`].
    pub(crate) fn write_or_new<K: Kind>(&mut self, key: &[u8]) -> Result<&mut K, CommandError> {
        if let Some((found, entry)) = self.look_up(key) {
            if K::of(entry.value).is_none() {
                return Err(CommandError::WrongType);
            }
            let entry = self.keyspace.use_found(self.db, found);
            return K::of_mut(&mut entry.into_whole().value).ok_or(CommandError::WrongType);
        }
        self.make_way(key);
        self.keyspace.insert(self.db, key, K::default().into_value(), None);
        self.keyspace.events.push(EventClass::New, "new", self.db, key);
        let entry = self.keyspace.entry_mut(self.db, key);
        entry
            .and_then(|entry| K::of_mut(&mut entry.into_whole().value))
            .ok_or(CommandError::WrongType)
    }

    /// Makes `value` the value of `key`, whatever was there, with this expiry.
    pub(crate) fn put(&mut self, key: &[u8], value: Value, expires: Option<UnixMs>) {
        let old = self.put_changed(key, value, expires);
        self.overwritten(key, old);
    }

    /// The same, with what is no other value than the one that was there but changed. Answers of what
    /// type that was.
    pub(crate) fn put_changed(
        &mut self,
        key: &[u8],
        value: Value,
        expires: Option<UnixMs>,
    ) -> Option<&'static str> {
        self.drop_if_expired(key);
        match self.keyspace.overwrite(self.db, key, value, |_| expires) {
            Ok(old) => {
                // A short string is overwritten where it stands.
                let kind = old.as_ref().map_or("string", |old| old.view().type_name());
                old.into_iter().for_each(|old| self.keyspace.discard(old));
                Some(kind)
            }
            Err(value) => {
                self.keyspace.insert(self.db, key, value, expires);
                self.keyspace.events.push(EventClass::New, "new", self.db, key);
                None
            }
        }
    }

    /// The name of the type of `key`, where somebody wants to know that it is overwritten.
    pub(crate) fn old_type(&mut self, key: &[u8]) -> Option<&'static str> {
        if !self.keyspace.events.are_wanted() {
            return None;
        }
        self.peek(key).map(ValueRef::type_name)
    }

    /// Publishes that `key` has another value than that of the type `old` (Redis 8.2), if it had one.
    #[inline]
    pub(crate) fn overwritten(&mut self, key: &[u8], old: Option<&'static str>) {
        if old.is_some() && self.keyspace.events.are_wanted() {
            self.notify(key, EventClass::Overwritten, "overwritten");
            if self.old_type(key) != old {
                self.notify(key, EventClass::TypeChanged, "type_changed");
            }
        }
    }

    /// Makes the string of `bytes` the value of `key`, whatever was there, with this expiry.
    pub(crate) fn put_string(&mut self, key: &[u8], bytes: &[u8], expires: Option<UnixMs>) {
        self.put_str(key, StrRef::new(bytes), expires);
    }

    /// Does so with a number's decimal form, and no expiry.
    pub(crate) fn put_integer(&mut self, key: &[u8], integer: i64) {
        self.put_str(key, StrRef::from_integer(integer), None);
    }

    #[inline]
    fn put_str(&mut self, key: &[u8], string: StrRef<'_>, expires: Option<UnixMs>) {
        let written = match expires {
            None => self.keyspace.write_string(self.db, key, string),
            Some(_) => Written::Not,
        };
        match written {
            Written::Over => self.overwritten(key, Some("string")),
            Written::New => self.keyspace.events.push(EventClass::New, "new", self.db, key),
            Written::Not => self.put(key, Value::String(string.to_str()), expires),
        }
    }

    /// Adds to the number that the string at `key` is, and leaves its expiry; answers the sum, and does
    /// nothing if the key is not there.
    pub(crate) fn add_integer(
        &mut self,
        key: &[u8],
        increment: i64,
    ) -> Result<Option<i64>, CommandError> {
        let Some((found, entry)) = self.look_up(key) else { return Ok(None) };
        let string = Str::of(entry.value).ok_or(CommandError::WrongType)?;
        let current = string.as_integer().ok_or(CommandError::NotInteger)?;
        let sum = current.checked_add(increment).ok_or(CommandError::Overflow)?;
        if !self.keyspace.use_found(self.db, found).set_integer(sum) {
            let value = Value::String(Str::from_integer(sum));
            if let Ok(Some(old)) = self.keyspace.overwrite(self.db, key, value, |kept| kept) {
                self.keyspace.discard(old);
            }
        }
        Ok(Some(sum))
    }

    /// Takes `key` out, and answers its value and expiry.
    pub(crate) fn take(&mut self, key: &[u8]) -> Option<(Value, Option<UnixMs>)> {
        self.peek(key)?;
        let entry = self.keyspace.remove(self.db, key)?;
        let expires = entry.expires();
        Some((entry.value, expires))
    }

    /// Deletes `key`; answers whether it was there.
    pub(crate) fn delete(&mut self, key: &[u8]) -> bool {
        let Some((value, _)) = self.take(key) else { return false };
        self.keyspace.discard(value);
        true
    }

    /// Deletes `key` if its last element is gone, with the `del` event; answers whether it did.
    pub(crate) fn delete_if_gone<K: Kind>(&mut self, key: &[u8]) -> bool {
        let entry = self.keyspace.data.find(self.db, key);
        let gone = entry.and_then(|entry| K::of(entry.value)).is_some_and(K::is_gone);
        if gone {
            self.keyspace.remove(self.db, key);
            self.keyspace.events.push(EventClass::Generic, "del", self.db, key);
        }
        gone
    }

    /// When `key` expires: `None` without the key, `Some(None)` when it never does.
    pub(crate) fn expires(&mut self, key: &[u8]) -> Option<Option<UnixMs>> {
        self.peek_entry(key).map(EntryRef::expires)
    }

    /// Sets or clears the expiry of `key`; answers whether the key is there.
    pub(crate) fn set_expires(&mut self, key: &[u8], expires: Option<UnixMs>) -> bool {
        if self.peek(key).is_none() {
            return false;
        }
        self.keyspace.use_entry(self.db, key);
        self.keyspace.set_expires(self.db, key, expires)
    }

    /// Whether `key` is there; an error if it is, but not of type `K`. Counts no look-up.
    pub(crate) fn check<K: Kind>(&mut self, key: &[u8]) -> Result<bool, CommandError> {
        match self.peek(key) {
            None => Ok(false),
            Some(value) if K::of(value).is_some() => Ok(true),
            Some(_) => Err(CommandError::WrongType),
        }
    }

    /// Says that `key` was changed: counts it, fails transactions that watch it, notifies.
    pub(crate) fn changed(&mut self, key: &[u8], class: EventClass, event: &'static str) {
        self.keyspace.dirty += 1;
        if class == EventClass::Hash {
            self.keyspace.data.databases[self.db as usize].hash_changed(key);
        }
        self.touched(key, class, event);
    }

    /// What [`Data::changed`] does but for counting: for a write that left everything as it was and
    /// that replicas need not repeat, but that Redis announces all the same (`LTRIM`).
    pub(crate) fn touched(&mut self, key: &[u8], class: EventClass, event: &'static str) {
        self.keyspace.key_touched(self.db, key);
        self.keyspace.events.push(class, event, self.db, key);
    }

    /// What [`Data::changed`] does but for transactions that watch the key: Redis leaves those alone
    /// where only what lies beside a stream's entries changed.
    pub(crate) fn changed_aside(&mut self, key: &[u8], class: EventClass, event: &'static str) {
        self.keyspace.dirty += 1;
        self.keyspace.events.push(class, event, self.db, key);
    }

    /// Says that sessions that wait for more of `key` may find it now. (That a key came to be, or
    /// is gone, is said without asking.)
    pub(crate) fn signal(&mut self, key: &[u8]) {
        self.keyspace.waits.signal(self.db, key);
    }

    /// Publishes an event about `key` that is no change of its own.
    pub(crate) fn notify(&mut self, key: &[u8], class: EventClass, event: &'static str) {
        self.keyspace.events.push(class, event, self.db, key);
    }

    /// Whether a key that is told to expire at `at`, in ms since the Unix epoch, is to be deleted
    /// instead: that moment is past, and it is not for a primary or a source of imports to say.
    pub(crate) fn is_over(&self, at: i64) -> bool {
        let is_ours = self.keyspace.role == Role::Primary && !self.keyspace.imports();
        is_ours && at <= self.now.0 as i64
    }

    /// Whether the command came from this node's primary.
    pub(crate) fn is_replicated(&self) -> bool {
        self.origin == Origin::Primary
    }

    /// The longest string that the command may build, in bytes. A primary's commands were within
    /// its own limit, so only what no server sets stops them.
    pub(crate) fn max_string_len(&self) -> usize {
        match self.origin {
            Origin::Client => self.keyspace.settings.max_string_len,
            Origin::Primary => u32::MAX as usize,
        }
    }

    /// Counts `more` changes beyond the one that [`Data::changed`] counted.
    pub(crate) fn changed_more(&mut self, more: usize) {
        self.keyspace.dirty += more as u64;
    }

    /// Tells replicas `args` in the place of the request; several calls make several commands.
    pub(crate) fn effect<I, A>(&mut self, args: I)
    where
        I: IntoIterator<Item = A, IntoIter: ExactSizeIterator>,
        A: AsRef<[u8]>,
    {
        self.effect = EffectPlan::Own;
        self.keyspace.effects.push(self.db, args);
    }

    /// Says that the command tells replicas in words of its own, even if it finds none; answers whether
    /// anybody is told, so that words for nobody need not be made.
    pub(crate) fn begin_effect(&mut self) -> bool {
        self.effect = EffectPlan::Own;
        self.keyspace.effects.is_collecting()
    }

    /// Tells replicas the request even if it changed nothing here (`FLUSHALL`, `PUBLISH`).
    pub fn force_effect(&mut self) {
        self.effect = EffectPlan::Forced;
    }

    /// A pseudo-random number below `bound`, which is at least 1.
    pub(crate) fn random_below(&mut self, bound: usize) -> usize {
        self.keyspace.random.below(bound)
    }

    /// A source of pseudo-random numbers of its own, to draw while a value is borrowed.
    pub(crate) fn fork_random(&mut self) -> Random {
        Random::new(self.keyspace.random.next())
    }

    /// Whether keys whose time is over are deleted on sight.
    fn expires_keys(&self) -> bool {
        !self.sees_past && self.keyspace.deletes_expired_for(self.writes)
    }

    /// Deletes `key` if its time is over and that is for this node to say; answers whether there is
    /// anything here that could be over, which in most databases there is not.
    #[inline]
    fn drop_if_expired(&mut self, key: &[u8]) -> bool {
        let has_expiries = self.has_expiries();
        if has_expiries && self.expires_keys() {
            self.drop_what_expired(key);
        }
        has_expiries
    }

    #[cold]
    fn drop_what_expired(&mut self, key: &[u8]) {
        let Some(entry) = self.keyspace.data.find(self.db, key) else { return };
        let is_past = |at: Option<UnixMs>| at.is_some_and(|at| self.now.is_past(at));
        if is_past(entry.expires()) {
            self.keyspace.expire(self.db, key);
        } else if is_past(entry.first_field_expiry()) {
            self.keyspace.expire_fields(self.db, key, self.now, FIELDS_ON_SIGHT);
        }
    }

    fn has_expiries(&self) -> bool {
        self.keyspace.data.databases[self.db as usize].has_expiries()
    }

    /// On a replica that takes writes, a key whose time is over may still stand in the way.
    fn make_way(&mut self, key: &[u8]) {
        if self.has_expiries() {
            self.keyspace.remove(self.db, key);
        }
    }
}

/// Fields that are deleted when a command comes to their hash, at most: whatever is due beyond is
/// not seen, and waits for [`Keyspace::expire_due`].
const FIELDS_ON_SIGHT: usize = 64;

/// Whether a session sees `entry`: until its time is over, and one that sees the past even then.
fn is_there(entry: EntryRef<'_>, now: UnixMs, sees_past: bool) -> bool {
    sees_past || !entry.is_over(now)
}
