//! Pages of the program that only starting needed.
//!
//! The kernel maps what surrounds each page that is touched, so that starting maps most of the program, the reading of
//! flags and files among it. None of these pages differs from the file: the kernel may take them at once where memory is
//! short, and maps again, from its cache, what is needed after all.
#![allow(
    unsafe_code,
    reason = "only the kernel's own interface gives pages back"
)]

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::ptr;

/// Lets go of all pages of the program that cannot have been written to.
pub(super) fn give_back() {
    let mut program: Vec<Range<usize>> = Vec::new();
    // SAFETY: `note` is called before the function returns, with the vector that is passed, and by nobody else.
    unsafe { libc::dl_iterate_phdr(Some(note), ptr::from_mut(&mut program).cast()) };
    for range in program {
        let length = range.end - range.start;
        // SAFETY: the range is mapped from a file and never written to; the kernel reads from the file what is touched again.
        let given =
            unsafe { libc::madvise(range.start as *mut c_void, length, libc::MADV_DONTNEED) };
        if given != 0 {
            tracing::debug!("pages stay: {}", std::io::Error::last_os_error());
        }
    }
}

/// Notes the segments of the first object, which is the program, that are not writable.
///
/// # Safety
/// `info` is what the loader describes an object by, and `found` a vector of ranges.
unsafe extern "C" fn note(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    found: *mut c_void,
) -> c_int {
    // SAFETY: by contract.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Range<usize>>>()) };
    for at in 0..info.dlpi_phnum {
        // SAFETY: there are as many headers as the loader says.
        let header = unsafe { &*info.dlpi_phdr.add(at.into()) };
        let writable = header.p_flags & libc::PF_W != 0;
        if header.p_type == libc::PT_LOAD && !writable {
            let start = info.dlpi_addr as usize + header.p_vaddr as usize;
            found.extend(whole_pages(start..start + header.p_memsz as usize));
        }
    }
    1 // no further object
}

/// The pages that lie in a range with all of their bytes.
fn whole_pages(range: Range<usize>) -> Option<Range<usize>> {
    let page = page_size();
    let whole = range.start.next_multiple_of(page)..range.end / page * page;
    (!whole.is_empty()).then_some(whole)
}

fn page_size() -> usize {
    // SAFETY: only reads a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).expect("every system has a page size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pages_are_given_back() {
        let page = page_size();
        assert_eq!(whole_pages(page..2 * page), Some(page..2 * page));
        assert_eq!(whole_pages(1..3 * page - 1), Some(page..2 * page));
        assert_eq!(whole_pages(1..page), None);
        assert_eq!(whole_pages(0..0), None);
    }

    #[test]
    fn the_program_goes_on_after_its_pages_were_given_back() {
        let constants = [env!("CARGO_PKG_NAME"), module_path!()].concat();
        give_back();
        assert_eq!(constants, "tulle-proxytulle_proxy::app::pages::tests");
    }
}
