//! Work spread over a few threads that end before the call does.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

/// `work(0..count)`, on at most `threads` threads, results in order. A panic in one of them is a panic here.
pub fn map<T: Send + Sync>(count: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.min(count);
    if threads <= 1 {
        return (0..count).map(work).collect();
    }
    let results: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let take = || loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = results.get(index) else { return };
        let _ = slot.set(work(index));
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(take);
        }
        take();
    });
    results.into_iter().map(|slot| slot.into_inner().expect("every index was taken")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_result_stands_in_its_place() {
        for threads in [0, 1, 2, 5, 200] {
            assert_eq!(super::map(100, threads, |i| i * i), (0..100).map(|i| i * i).collect::<Vec<_>>());
        }
        assert!(super::map(0, 4, |i| i).is_empty());
    }
}
