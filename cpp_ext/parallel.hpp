// The only threads of the extension: one counter hands out rows. No pool, no OpenMP runtime.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace refcolor {

// Calls body(row) once for every row in [0, rows), on `threads` threads at most; the caller is one of them.
// Rows must not depend on one another, so the result cannot depend on `threads`. The first exception stops
// the rest and is thrown again.
template <class Body> void parallel_for(std::ptrdiff_t rows, int threads, Body&& body) {
    std::atomic<std::ptrdiff_t> next{0};
    std::exception_ptr error;
    std::mutex error_lock;

    auto work = [&] {
        try {
            for (std::ptrdiff_t row; (row = next.fetch_add(1, std::memory_order_relaxed)) < rows;) body(row);
        } catch (...) {
            const std::lock_guard<std::mutex> guard(error_lock);
            if (!error) error = std::current_exception();
            next.store(rows, std::memory_order_relaxed);
        }
    };

    std::vector<std::thread> helpers;
    const std::ptrdiff_t count = std::min<std::ptrdiff_t>(threads, rows) - 1; // besides the caller
    try {
        while (static_cast<std::ptrdiff_t>(helpers.size()) < count) helpers.emplace_back(work);
    } catch (const std::system_error&) {
        // The system grants no more threads: those that run, and the caller, share the rows.
    }
    work();
    for (auto& helper : helpers) helper.join();
    if (error) std::rethrow_exception(error);
}

} // namespace refcolor
