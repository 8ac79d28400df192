//! Fields about what cannot happen here, so that 0 is their true value: monitoring reads them of any
//! server, and takes one that is missing for a failure.

use super::page::Page;

/// By section: why it cannot happen, and the fields.
const NEVER: &[(&str, &str, &[&str])] = &[
    ("Server", "there are no I/O threads", &["io_threads_active"]),
    ("Clients", "there is no cluster", &["cluster_connections"]),
    (
        "Memory",
        "there are no scripts, and functions are kept but not run",
        &[
            "used_memory_vm_eval",
            "used_memory_lua",
            "used_memory_scripts_eval",
            "number_of_cached_scripts",
            "used_memory_vm_functions",
            "used_memory_vm_total",
        ],
    ),
    (
        "Memory",
        "a slot's table is rebuilt at once, and is never there twice",
        &["mem_overhead_db_hashtable_rehashing"],
    ),
    ("Memory", "there is no cluster", &["mem_cluster_links"]),
    ("Memory", "there is no append-only file", &["mem_aof_buffer"]),
    ("Memory", "memory is not defragmented", &["active_defrag_running"]),
    (
        "Persistence",
        "there is no append-only file",
        &[
            "aof_enabled",
            "aof_rewrite_in_progress",
            "aof_rewrite_scheduled",
            "aof_rewrites",
            "aof_rewrites_consecutive_failures",
            "aof_last_cow_size",
        ],
    ),
    (
        "Persistence",
        "modules are not loaded",
        &["module_fork_in_progress", "module_fork_last_cow_size"],
    ),
    ("Stats", "a snapshot needs no fork", &["latest_fork_usec", "total_forks"]),
    ("Stats", "there are no scripts", &["evicted_scripts"]),
    (
        "Stats",
        "memory is not defragmented",
        &[
            "active_defrag_hits",
            "active_defrag_misses",
            "active_defrag_key_hits",
            "active_defrag_key_misses",
            "total_active_defrag_time",
            "current_active_defrag_time",
        ],
    ),
    (
        "Stats",
        "there are no I/O threads",
        &["io_threaded_reads_processed", "io_threaded_writes_processed"],
    ),
    (
        "Stats",
        "there are no rights to databases, and there is no TLS",
        &["acl_access_denied_db", "acl_access_denied_tls_cert"],
    ),
    ("Cluster", "there is no cluster", &["cluster_enabled"]),
];

/// Fields of these that come again for people to read.
const FOR_PEOPLE: [&str; 2] = ["used_memory_lua", "used_memory_vm_total"];

/// Writes those of a section.
pub(super) fn never(page: &mut Page, title: &str) {
    let of_section = NEVER.iter().filter(|(section, ..)| *section == title);
    for name in of_section.flat_map(|(_, _, names)| *names) {
        if FOR_PEOPLE.contains(name) {
            page.bytes(name, 0);
        } else {
            page.field(name, 0);
        }
    }
}
