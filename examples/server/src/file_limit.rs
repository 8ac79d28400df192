//! How many connections the system lets the server have (`maxclients`, `ulimit -n`).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::log::{notice, warning};

/// Descriptors that are kept for files and listening sockets, as in Redis.
const RESERVED: u64 = 32;

/// Raises the limit of open files so far that there are descriptors for `clients` connections, if
/// the system lets it; answers for how many there are.
pub(crate) fn make_room(clients: u32) -> u32 {
    let wanted = u64::from(clients) + RESERVED;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let raised = maximum.map(|maximum| maximum.max(wanted));
        let whole = Rlimit { current: Some(wanted), maximum: raised };
        let partly = Rlimit { current: maximum.map(|maximum| maximum.min(wanted)), maximum };
        // Only a privileged process gets beyond the hard limit; what was had is answered below.
        let _ = setrlimit(Resource::Nofile, whole).or_else(|_| setrlimit(Resource::Nofile, partly));
    }
    let had = getrlimit(Resource::Nofile).current.map_or(u64::MAX, |had| had - RESERVED.min(had));
    u32::try_from(had).unwrap_or(u32::MAX).min(clients)
}

/// Makes room for `maxclients` connections at the start, and answers how many it is to be: fewer
/// where the system does not have so many descriptors.
pub(crate) fn fit(maxclients: u32) -> u32 {
    let room = make_room(maxclients).max(1);
    if room < maxclients {
        warning!(
            "You requested maxclients of {maxclients} requiring at least {} max file descriptors.",
            u64::from(maxclients) + RESERVED
        );
        notice!(
            "maxclients has been reduced to {room} to compensate for low ulimit. If you need \
             higher maxclients increase 'ulimit -n'."
        );
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_the_system_gives() {
        assert_eq!(make_room(1), 1);
        let most = make_room(u32::MAX);
        assert!(most > 1);
        assert_eq!(make_room(most), most, "what was had once is there");
    }
}
