//! Independent jobs on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What `job` makes of each number below `n_jobs`, by number; so many workers take the next number each as soon as they
/// are done with the one before.
pub(super) fn side_by_side<T: Send>(
    n_jobs: usize,
    n_workers: usize,
    job: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(n_jobs));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= n_jobs {
                return;
            }
            let result = job(number);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..n_workers.clamp(1, n_jobs.max(1)) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_by_number_however_many_workers_there_are() {
        for n_workers in [0, 1, 2, 9] {
            // The first takes longest.
            let job = |number: usize| {
                std::thread::sleep(std::time::Duration::from_millis(if number == 0 { 20 } else { 1 }));
                number * number
            };
            assert_eq!(side_by_side(5, n_workers, job), [0, 1, 4, 9, 16]);
        }
        assert!(side_by_side(0, 2, |number| number).is_empty());
    }
}
