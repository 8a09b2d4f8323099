"""How an upload becomes a file, or ends without one: once, however many workers try, and whichever is killed."""

from __future__ import annotations

from .. import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
from collections.abc import Callable, Container
from contextlib import suppress

from fs import errors

from ..backends.contract import StoredName
from ..errors import FileNotFound, FSError, translated
from ..leases.held import Held, held
from ..leases.shared import Busy
from .directory import BEGUN, LEASE, REFUSALS, Directory, Ended, Found

__all__ = ["Unfinished"]

#: How long a worker that finishes an upload may be silent until another takes it for dead, in seconds. It tells that it
#: lives four times as often.
SILENCE = 6.0


class Unfinished(Directory):
    """An upload that is not finished."""

    def goes_on(self, taken: Container[str] = ()) -> Found:
        """Return what is there, if the upload goes on or is finished. Of one that has ended, remove the rest.

        The requests of :meth:`~Directory.look`, and of :meth:`clear`.

        :param taken: as for :meth:`clear`.
        :raises Ended: if it was cancelled or has expired.
        :raises flask_pyfs.errors.FSError: if it was refused.
        """
        found = self.look()
        if found.is_ended or found.stored is not None:
            self.clear(found, taken)
            found.require_open()
        return found

    def finish_once(
        self, finish: Callable[[bool], StoredName], *, plan: bytes | None = b"", length: int | None = None
    ) -> StoredName:
        """Finish the upload, unless that was done before, remember what it has become, and remove the rest.

        Of several workers that want it at once, one does it. A worker that is killed leaves nothing that the next one
        cannot finish: if it is silent for :data:`SILENCE`, the next one takes over.

        :param finish: stores the file. It is told whether another worker may have begun to do so, and was killed: then
            a file of that name may be what it has stored.
        :param plan: what this worker, if it is the first, leaves to the one that finishes; see :meth:`plan`. None goes
            on with what another has begun.
        :param length: how many bytes the upload has, for :attr:`Found.length`.
        :raises Busy: if another worker is at it.
        :raises Ended: if the upload was cancelled or has expired.
        :raises flask_pyfs.errors.FSError: as ``finish`` raises it. A refused file (:data:`REFUSALS`) ends the upload,
            and its content is removed.
        """
        over: list[StoredName] = []

        def is_over() -> bool:
            found = self.look()
            found.require_open()
            over.extend([found.stored] if found.stored is not None else [])
            return bool(over)

        lease = self._leased(is_over)
        if lease is None:
            return over[0]
        try:
            return self._finish(lease, finish, plan, length)
        except BaseException:
            with suppress(errors.FSError):
                lease.release()
            raise

    def _leased(self, is_over: Callable[[], bool]) -> Held | None:
        with translated(self._name):
            return held(self.store, self.path(LEASE), is_over, silence=SILENCE)

    def _finish(
        self, lease: Held, finish: Callable[[bool], StoredName], plan: bytes | None, length: int | None
    ) -> StoredName:
        is_again = plan is None or not self.write_begun(plan)
        # after that: a worker that cancels it writes first, and then looks whether another is at it
        found = self.look()
        if found.stored is None and not found.is_ended:
            try:
                stored = finish(is_again)
            except REFUSALS as error:
                return self._refused(lease, error, is_sure=not is_again)
            except FileNotFound as error:
                # its files were removed: another has finished or cancelled it, which the store may not show yet
                found = self.look()
                if found.stored is None and not found.is_ended:
                    raise Ended from error
            else:
                self.write_done(stored, length)
                self._clear(lease)
                return stored
        self._clear(lease, is_sure=found.stored is not None or not is_again)
        found.require_open()
        assert found.stored is not None
        return found.stored

    def _refused(self, lease: Held, error: FSError, *, is_sure: bool) -> StoredName:
        """End the upload, and raise the error; unless another has finished it, who took this worker for dead."""
        found = self.look()
        if found.stored is not None:
            lease.end()
            return found.stored
        with translated(self._name):
            if not lease.is_held():
                raise Busy from error
        self.write_ended(error)
        self._clear(lease, is_sure=is_sure)
        raise error

    def cancel(self) -> None:
        """Remove the upload, so that nothing can go on with it. A file that it has become stays.

        :raises Ended: if that was done before, or it has expired.
        :raises Busy: if a worker is finishing it. Then it may become a file, and nothing else is left of it.
        """
        before = self.look()
        if before.is_ended:
            raise Ended
        self.write_ended()
        # a listing may be late
        has_begun = self._has(LEASE) or (self.store.joins_in_place and self._has(BEGUN))
        # a worker that has begun before may not have seen that it has ended
        lease = self._leased(lambda: not self._has(LEASE, BEGUN)) if has_begun else None
        self._clear(lease, is_sure=before.stored is not None or not has_begun)

    def _has(self, *names: str) -> bool:
        with translated(self._name):
            return any(self.store.has_file(self.path(name)) for name in names)

    def clear(self, found: Found, taken: Container[str] = ()) -> None:
        """Remove what was left, by a worker that was killed or late, or by a client that sends again, of an upload that
        has ended; unless a worker is at it. No request if nothing was.

        :param taken: what this worker may have stored after it had ended, which a listing may not show.
        """
        is_over = found.stored is not None or found.refusal is not None
        if (found.files or taken) and (is_over or LEASE not in found.files):
            self._clear(None, is_sure=found.stored is not None or BEGUN not in found.files)

    def _clear(self, lease: Held | None, *, is_sure: bool = True) -> None:
        """Remove all that the upload needs no longer.

        :param is_sure: whether no request to join the pieces can be under way any more. The store may still carry one
            out whose worker was killed, and the pieces would be parts of that file, if they are where they can become
            parts: then they stay until it is swept.
        """
        is_sure |= not self.store.joins_in_place
        # what cannot be removed now is removed by the next look, or when it is swept
        with suppress(errors.FSError):
            if lease is not None and is_sure:
                lease.end()
            elif lease is not None:
                lease.release()
            if is_sure:
                self.delete_open()
