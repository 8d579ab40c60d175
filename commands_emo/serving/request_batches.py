"""Requests of many callers, predicted in batches of those that wait at the time."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any


class QueueFull(Exception):
    """There are as many requests waiting as may wait."""


class RequestBatches:
    """One thread that takes what waits and predicts it together.

    Args:
        predict (callable): a list of requests -> a result for each, in order.
        max_batch_size (`int`): most that are predicted at a time.
        max_waiting (`int`): more are refused.
    """

    def __init__(self, predict: Callable[[Sequence[Any]], list[Any]], max_batch_size: int, max_waiting: int):
        self._predict, self._max_batch_size = predict, max_batch_size
        self._waiting: queue.Queue[tuple[Any, Future]] = queue.Queue(max_waiting)
        threading.Thread(target=self._work, daemon=True, name="request-batches").start()

    def submit(self, request: Any) -> Future:
        """The result to come.

        Raises:
            QueueFull: too many wait.
        """
        future: Future = Future()
        try:
            self._waiting.put_nowait((request, future))
        except queue.Full:
            raise QueueFull from None
        return future

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < self._max_batch_size and not self._waiting.empty():
                batch.append(self._waiting.get())  # this thread alone takes from it
            # Whoever went away in the meantime needs no answer.
            batch = [(request, future) for request, future in batch if future.set_running_or_notify_cancel()]
            if not batch:
                continue
            try:
                results = self._predict([request for request, _ in batch])
            except BaseException as error:
                for _, future in batch:
                    future.set_exception(error)
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    future.set_result(result)
