//! Entry point of `tulle-proxy`.

use std::process::ExitCode;
use std::ptr::null_mut;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Memory that was freed goes back to the kernel within about a second, also when nothing allocates any more: one thread
/// sees to it, away from the workers.
const SETTINGS: &[u8] =
    b"background_thread:true,max_background_threads:1,dirty_decay_ms:1000,muzzy_decay_ms:0\0";

/// The allocator reads its settings, a C string, from a variable of this name before `main` begins.
#[expect(unsafe_code, reason = "nothing else gives a variable this name")]
#[unsafe(export_name = "malloc_conf")]
static MALLOC_CONF: &u8 = &SETTINGS[0];

fn main() -> ExitCode {
    tulle_proxy::run(std::env::args(), release)
}

/// Gives all free memory back at once. Left to itself the allocator's thread begins late where less than 4 MiB are free.
#[expect(unsafe_code, reason = "the allocator offers it to C only")]
fn release() {
    // jemalloc(3): `MALLCTL_ARENAS_ALL` is 4096
    let name = c"arena.4096.purge";
    // SAFETY: the name is a C string; this control neither reads nor writes a value.
    let failed =
        unsafe { tikv_jemalloc_sys::mallctl(name.as_ptr(), null_mut(), null_mut(), null_mut(), 0) };
    debug_assert_eq!(failed, 0, "jemalloc knows no {name:?}");
}
