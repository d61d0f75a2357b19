"""A photograph is kept without place, time and device; Pillow writes and reads the files."""

from __future__ import annotations

import base64
import hashlib
import json
from io import BytesIO

import pytest
import treated
from chairside import act, post, statuses
from PIL import Image, PngImagePlugin

from openkap.care.live.late import keep_late
from openkap.care.live.models import LateEntry, Photo
from openkap.care.live.pictures import picture_of
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError

GPS, ORIENTATION, MAKE = 0x8825, 0x0112, 0x010F


def photograph(kind="JPEG", turned=6, **options):
    """What a camera writes: the place, the device, which way up it was held."""
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = "Telephone of Ben", turned
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    picture = Image.linear_gradient("L").resize((40, 20)).convert("RGB")
    held = BytesIO()
    picture.save(held, kind, exif=exif, **options)
    return held.getvalue()


def kept(image):
    return picture_of(base64.b64encode(image).decode())[0]


def pixels(image):
    return Image.open(BytesIO(image)).convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"comment": b"of Ben"}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"restart_marker_rows": 1}),
        ("PNG", {}),
    ],
)
def test_the_picture_stays_the_same_the_same_way_up_and_place_and_device_go(kind, options):
    image = photograph(kind, **options)
    found = Image.open(BytesIO(kept(image)))
    assert Image.open(BytesIO(image)).getexif().get_ifd(GPS)
    assert dict(found.getexif()) == {ORIENTATION: 6}
    assert not found.getexif().get_ifd(GPS)
    assert b"Ben" not in kept(image)
    assert pixels(kept(image)) == pixels(image)


def test_what_hangs_behind_the_picture_goes_too():
    assert b"second picture" not in kept(photograph() + b"second picture, with its place")


def test_the_text_of_a_png_goes():
    said = PngImagePlugin.PngInfo()
    said.add_text("Author", "Ben")
    assert b"Ben" not in kept(photograph("PNG", pnginfo=said))


@pytest.mark.parametrize(
    "image",
    [b"\xff\xd8\xff" + bytes(200), photograph()[:60], photograph("PNG")[:60], b"\x89PNG"],
    ids=["no JPEG", "JPEG cut off", "PNG cut off", "no PNG"],
)
def test_a_file_that_cannot_be_read_to_its_picture_is_refused(image):
    with pytest.raises(InputError, match="cannot be kept"):
        kept(image)


def test_a_photograph_sent_by_a_program_is_kept_and_hashed_without_its_place(cast, patient, watch, settings):
    settings.LOCK_AFTER_MINUTES = 600
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    sent = base64.b64encode(photograph()).decode()
    assert statuses(post(cast.client("ben"), session, act("ph", "photo", watch.moment, image=sent))) == [
        "saved"
    ]
    row = Photo.objects.get()
    assert not Image.open(BytesIO(bytes(row.image))).getexif().get_ifd(GPS)
    assert row.sha256 == hashlib.sha256(bytes(row.image)).hexdigest()


def test_a_photograph_that_comes_after_the_signature_is_kept_without_its_place_too(
    cast, patient, watch, settings
):
    settings.LOCK_AFTER_MINUTES = 600
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    stamp = Stamp(client_id="late", observed_at=watch.moment)
    sent = {"image": base64.b64encode(photograph()).decode(), "note": "the monitor"}
    keep_late(by=cast.actor("ben"), session=session, act="photo", payload=sent, stamp=stamp)
    row = json.loads(LateEntry.objects.get().payload)
    assert row["note"] == "the monitor"
    assert b"Ben" not in base64.b64decode(row["image"])
    assert pixels(base64.b64decode(row["image"])) == pixels(photograph())
