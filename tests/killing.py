"""A worker that is killed at one of its requests to a store."""


class Killed(BaseException):
    """The worker is dead: it makes no request any more."""


class Killing:
    """Kills a worker at one of its requests, before it is sent or after it, and at all that come later.

    :param last: the number of that request. ``left`` is how many there are to it still, above 0 if it never came.
    :param is_sent: whether it reaches the store.
    :param requests: what makes the requests: owners, each with the name of a function.
    """

    def __init__(self, patch, last, *, is_sent, requests):
        self.left, self._is_sent = last, is_sent
        for owner, name in requests:
            patch.setattr(owner, name, self._killed(getattr(owner, name)))

    def _killed(self, request):
        def killed(*arguments, **options):
            self.left -= 1
            if self.left < 0 or (self.left == 0 and not self._is_sent):
                raise Killed
            # a listing is sent when it is read
            answer = request(*arguments, **options)
            answer = iter(list(answer)) if request.__name__ == "iter_facts" else answer
            if self.left == 0:
                raise Killed
            return answer

        return killed
