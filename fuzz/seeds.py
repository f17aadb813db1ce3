"""Small seeds for every target of the fuzzer, written to DIR/<target>/.

    fuzz/seeds.py DIR

Needs Pillow, NumPy, pydicom and python-gdcm. All pictures are computed.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tempfile
from pathlib import Path

import gdcm
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "tests" / "golden"
CASES = HERE.parent / "tests" / "cases"
LARGEST = 24_000
WIDTH, HEIGHT = 24, 18

UIDS = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "bigendian": "1.2.840.10008.1.2.2",
    "baseline": "1.2.840.10008.1.2.4.50",
    "extended": "1.2.840.10008.1.2.4.51",
    "lossless": "1.2.840.10008.1.2.4.70",
    "jpegls": "1.2.840.10008.1.2.4.80",
    "jpegls-near": "1.2.840.10008.1.2.4.81",
    "j2k-lossless": "1.2.840.10008.1.2.4.90",
    "j2k": "1.2.840.10008.1.2.4.91",
    "rle": "1.2.840.10008.1.2.5",
}
TARGET_OF = {
    "implicit": "dicom_native",
    "explicit": "dicom_native",
    "deflated": "dicom_native",
    "bigendian": "dicom_native",
    "rle": "dicom_rle",
    "baseline": "dicom_jpeg",
    "extended": "dicom_jpeg",
    "lossless": "dicom_jpeg",
    "jpegls": "dicom_jpegls",
    "jpegls-near": "dicom_jpegls",
    "j2k": "dicom_jpeg2000",
    "j2k-lossless": "dicom_jpeg2000",
}


def gray(highest: int = 255) -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    values = (x * 11 + y * 7 + ((x * y) % 13) * 3) % 256
    return (values * (highest / 255)).astype(np.uint16)


def rgb() -> np.ndarray:
    values = gray().astype(np.uint8)
    return np.stack([values, 255 - values, values // 2], axis=-1)


class Seeds:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, target: str, name: str, data: bytes) -> None:
        if len(data) <= LARGEST:
            path = self.folder / target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def pictures(seeds: Seeds) -> None:
    level, color = Image.fromarray(gray().astype(np.uint8)), Image.fromarray(rgb())
    deep = Image.fromarray(gray(65_535))
    images = {
        "L": level,
        "RGB": color,
        "1": level.convert("1"),
        "P": color.convert("P", palette=Image.ADAPTIVE, colors=16),
        "LA": level.convert("LA"),
        "RGBA": color.convert("RGBA"),
        "I16": deep,
    }
    for name, image in images.items():
        seeds.put("png", f"{name}.png", saved(image, "PNG"))
    for bits in range(5):
        for color_type in range(5):
            samples = [1, 3, 1, 2, 4][color_type]
            depth = [1, 2, 4, 8, 16][bits]
            row = bytes([bits]) + bytes(range(1, 1 + (12 * samples * depth + 7) // 8))
            head = bytes([11, 8, bits, color_type, bits & 1, 0, 40 * (color_type == 2), bits & 1])
            seeds.put("png", f"rows-{bits}-{color_type}", head + row * 12)
    jpegs = {
        "L": saved(level, "JPEG"),
        "L-optimal": saved(level, "JPEG", optimize=True, quality=40),
        "L-progressive": saved(level, "JPEG", progressive=True),
        "RGB-420": saved(color, "JPEG", quality=90),
        "RGB-444": saved(color, "JPEG", subsampling=0),
        "RGB-422": saved(color, "JPEG", subsampling=1),
        "RGB-progressive": saved(color, "JPEG", progressive=True),
        "CMYK": saved(color.convert("CMYK"), "JPEG"),
        "comment": saved(level, "JPEG", comment=b"a comment", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
    }
    for name, data in jpegs.items():
        seeds.put("jpeg", name + ".jpg", data)
    for name, image in images.items():
        for form in [
            "BMP",
            "GIF",
            "TIFF",
            "WEBP",
            "PPM",
            "ICO",
            "TGA",
            "PCX",
            "SGI",
            "DDS",
            "JPEG2000",
            "ICNS",
            "IM",
            "MSP",
            "SPIDER",
            "XBM",
            "PDF",
            "EPS",
        ]:
            with contextlib.suppress(OSError, KeyError, ValueError, TypeError):
                seeds.put("picture", f"{name}.{form.lower()}", saved(image, form))
    for how in ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4"]:
        for name in ["L", "RGB", "1", "I16"]:
            with contextlib.suppress(OSError, KeyError, ValueError, TypeError):
                data = saved(images[name], "TIFF", compression=how)
                seeds.put("picture", f"{name}-{how}.tiff", data)
    seeds.put("picture", "lossless.webp", saved(images["RGBA"], "WEBP", lossless=True))
    seeds.put("picture", "rle.tga", saved(color, "TGA", compression="tga_rle"))
    frames = [level, level.rotate(90).resize(level.size)]
    seeds.put(
        "picture", "frames.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    )
    seeds.put("picture", "plain.pbm", b"P1\n3 2\n1 0 1\n0 1 0\n")
    seeds.put("picture", "plain.pgm", b"P2\n3 2\n255\n1 20 100\n0 1 255\n")
    seeds.put(
        "picture", "html", b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"
    )
    seeds.put(
        "picture", "lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    )
    seeds.put("picture", "gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0")
    seeds.put("picture", "apple-double", b"\0\x05\x16\x07\0\x02\0\0Mac OS X        \0\x02")
    for path in sorted(GOLDEN.glob("raw/**/*")) + sorted(GOLDEN.glob("fails/**/*")):
        suffix = path.suffix.lower()
        if path.is_file() and suffix in (".png", ".jpg", ".jpeg"):
            target = "png" if suffix == ".png" else "jpeg"
            seeds.put(target, f"golden-{path.stem[-24:]}{suffix}", path.read_bytes())


def dataset(pixels: np.ndarray, photometric: str, bits: int, stored: int) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    data.file_meta.MediaStorageSOPInstanceUID = "2.25.1"
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    data.SOPInstanceUID = "2.25.1"
    data.Modality = "DX"
    data.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    data.PhotometricInterpretation = photometric
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    data.Rows, data.Columns = pixels.shape[:2]
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, stored, stored - 1
    data.PixelRepresentation = 0
    data.PixelData = pixels.astype(np.uint8 if bits == 8 else "<u2").tobytes()
    return data


def coded(data: Dataset, coding: str) -> bytes:
    """The file in one coding; gdcm makes those that compress."""
    little = coding != "bigendian"
    data.is_little_endian, data.is_implicit_VR = little, coding == "implicit"
    plain = coding in ("implicit", "explicit", "deflated", "bigendian")
    uid = UIDS[coding if plain else "explicit"]
    data.file_meta.TransferSyntaxUID = pydicom.uid.UID(uid)
    if coding == "bigendian" and data.BitsAllocated == 16:
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    out = io.BytesIO()
    pydicom.dcmwrite(out, data, write_like_original=False)
    if plain:
        return out.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.dcm"), Path(folder, "b.dcm")
        source.write_bytes(out.getvalue())
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        if not reader.Read():
            raise ValueError("gdcm does not read it")
        change = gdcm.ImageChangeTransferSyntax()
        syntax = gdcm.TransferSyntax.GetTSType(UIDS[coding])
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise ValueError(f"gdcm does not write {coding}")
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(target))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        if not writer.Write():
            raise ValueError(f"gdcm does not write {coding}")
        return target.read_bytes()


def stream_of(file: bytes) -> bytes:
    data = pydicom.dcmread(io.BytesIO(file))
    syntax = data.file_meta.TransferSyntaxUID
    if not syntax.is_compressed or syntax == UIDS["deflated"]:
        return bytes(data.PixelData)
    return b"".join(pydicom.encaps.decode_data_sequence(data.PixelData))


def dicoms(seeds: Seeds) -> None:
    kinds = {
        "12": lambda: dataset(gray(4095), "MONOCHROME2", 16, 12),
        "16": lambda: dataset(gray(65_535), "MONOCHROME1", 16, 16),
        "8": lambda: dataset(gray(), "MONOCHROME2", 8, 8),
        "rgb": lambda: dataset(rgb(), "RGB", 8, 8),
    }
    for coding, target in TARGET_OF.items():
        syntaxes = [name for name, other in TARGET_OF.items() if other == target]
        for kind, make in kinds.items():
            try:
                file = coded(make(), coding)
            except ValueError as error:
                print(coding, kind, error)
                continue
            seeds.put(target, f"{coding}-{kind}.dcm", file)
            order = ["baseline", "extended", "lossless", "lossless"]
            if target == "dicom_native":
                order = ["implicit", "explicit", "bigendian", "deflated"]
            elif target == "dicom_jpeg2000":
                order = ["j2k-lossless", "j2k"]
            elif target != "dicom_jpeg":
                order = syntaxes
            bits, stored = {"12": (1, 11), "16": (1, 15), "8": (0, 7), "rgb": (0, 7)}[kind]
            head = [
                order.index(coding),
                HEIGHT - 1,
                WIDTH - 1,
                bits,
                stored,
                {"rgb": 2, "16": 1}.get(kind, 0),
                4 if kind == "rgb" else 0,
                0,
            ]
            seeds.put(target, f"{coding}-{kind}.stream", bytes(head) + stream_of(file))
    for path in sorted(GOLDEN.glob("raw/**/*.dicom")) + sorted(GOLDEN.glob("raw/**/*.dcm")):
        if path.stat().st_size <= LARGEST:
            uid = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
            coding = next((name for name, other in UIDS.items() if other == uid), "explicit")
            seeds.put(TARGET_OF[coding], f"golden-{path.stem[-12:]}.dcm", path.read_bytes())
    for path in sorted(CASES.glob("syntaxes/*.dicom")):
        syntax = path.stem.split("-")[1]
        kinds = {"jpegxl": "dicom_jpegxl", "htj2k": "dicom_jpeg2000", "jpeg": "dicom_jpeg"}
        kind = next((kind for kind in kinds if syntax.startswith(kind)), None)
        seeds.put(kinds.get(kind, "dicom_native"), path.name, path.read_bytes())


def head_of(path: Path, most: int = 3000) -> bytes:
    data = path.read_bytes()[:most]
    return data[: data.rfind(b"\n") + 1] or data


def texts(seeds: Seeds) -> None:
    raw = GOLDEN / "raw"
    mimic = raw / "mimic-cxr-jpg-2.0.0"
    lists = [
        raw / "CheXpert-v1.0/train.csv",
        raw / "chex-ray14/train_val_list.txt",
        raw / "PADCHEST/PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
        mimic / "mimic-cxr-2.0.0-metadata.csv",
        mimic / "mimic-cxr-2.0.0-chexpert.csv",
        sorted(mimic.glob("files/*/*/*.txt"))[0],
        raw / "brax_1.1.0/master_spreadsheet_update.csv",
    ]
    for which, path in enumerate(lists):
        for form in (0, 5):
            seeds.put("lists", f"{which}-{form}", bytes([which, form]) + head_of(path))
    for at, path in enumerate(sorted(mimic.glob("files/*/*/*.txt"))):
        seeds.put("lists", f"report-{at}", bytes([5, 0]) + path.read_bytes()[:2000])
    seeds.put(
        "lists",
        "labels",
        bytes([4, 0]) + b"subject_id,study_id,Cardiomegaly,Edema\n10000001,50000001,1.0,-1.0\n",
    )
    text = head_of(lists[0], 600).decode()
    for name, data in {
        "utf16": text.encode("utf-16"),
        "utf16be": b"\xfe\xff" + text.encode("utf-16-be"),
        "bom": text.encode("utf-8-sig"),
        "semicolon": text.replace(",", ";").encode(),
        "tab": text.replace(",", "\t").encode(),
        "cr": text.replace("\n", "\r").encode(),
        "quotes": b'Path,Sex\n"CheXpert-v1.0/train/a\nb""_frontal.jpg",F\n',
        "html": b"<!DOCTYPE html>\n<html></html>\n",
    }.items():
        seeds.put("lists", name, bytes([0, 0]) + data)
    key = "0123456789abcdef0123456789abcdef"
    journal = "".join(
        f'{{"image":{n},"key":"{key}","size":{n * 1000 + 7},"time":{1_700_000_000_000 + n}}}\n'
        for n in (0, 1, 7, 7, 999_999)
    )
    seeds.put("records", "journal", b"\0" + journal.encode())
    extent = '{"root":"/data/openi","images":7470,"entries":7000,"labelled":6000,"reports":5000}'
    seeds.put("records", "extent", b"\1" + extent.encode())
    failure = (
        '{"dataset":"siim","image":3,"key":"3.dcm","source":"/raw/3.dcm",'
        f'"cause":"the file is empty","content":"{key}"}}\n'
        '{"dataset":"openi","image":4,"key":"4.png","cause":"missing"}\n'
    )
    seeds.put("records", "failures", b"\2" + failure.encode())
    for path in sorted(GOLDEN.glob("expected/*/*/index.json")):
        seeds.put(
            "index", f"{path.parent.parent.name}-{path.parent.name}", path.read_bytes()[:4000]
        )
        if path.stat().st_size < 6000:
            seeds.put("index", f"whole-{path.parent.name}", path.read_bytes())
    seeds.put(
        "index", "one", b'{"0":{"path":"/a","key":"k","class_label":[0,1,-1,0,0,0,0,0,0,0,0,0,1]}}'
    )
    seeds.put("config", "whole", (HERE.parent / "config.yml").read_bytes())
    for name in ("config.yml", "config_all.yml"):
        seeds.put("config", f"golden-{name}", (GOLDEN / name).read_bytes())
    seeds.put(
        "config",
        "tmp",
        b"MACHEX_PATH: /out\nFRONTAL_ONLY: yes\nOPENI_ROOT: /usr\n"
        b"CACHE_SIZE: 20GiB\nCACHE_MIN_FREE: 5\nNUM_WORKERS: 4\nIMAGE_SIZE: 512\n"
        b"JPEG_QUALITY: 90\nDURABLE: true\nLISTING_PROGRAMS: [ls, find]\n"
        b"PADCHEST_STRICT_VETO: on\nMIMIC_REPORTS_ROOT: ${HOME}/x$$\nCACHE_PATH: \xc3\xa9\n",
    )
    seeds.put(
        "config",
        "anchors",
        b"MACHEX_PATH: &a /out\nCACHE_PATH: *a\nFRONTAL_ONLY: !!bool off\n"
        b"OPENI_ROOT: >\n  /dev\n  /shm\n? SIIM_ROOT\n: |\n  /tmp\n",
    )


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def catalogs(seeds: Seeds, folder: Path) -> None:
    """Of stored catalogs what follows the sum, without the inputs that would have to be there."""
    for path in sorted(folder.glob("*.catalog")):
        data = path.read_bytes()[16:]
        count, at = varint(data, 0)
        for _ in range(count):
            length, at = varint(data, at)
            at += length + 1
            if data[at - 1]:
                for _ in range(6):
                    _, at = varint(data, at)
        seeds.put("catalog", path.name.split(".")[0], b"\0" + data[at:])


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    seeds = Seeds(folder)
    pictures(seeds)
    dicoms(seeds)
    texts(seeds)
    if len(sys.argv) == 3:
        catalogs(seeds, Path(sys.argv[2]))
    for target in sorted(folder.iterdir()):
        print(target.name, len(list(target.iterdir())))


if __name__ == "__main__":
    main()
