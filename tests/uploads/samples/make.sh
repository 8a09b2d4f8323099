#!/bin/sh
# Made the samples in this directory, once: each with the program that its line names. Run it in an empty directory.
#
# Debian 12: LibreOffice 7.4, ffmpeg 5.1, libheif-examples 1.15, gnumeric 1.12.55, abiword 3.0.5, 7-Zip, gcc, zstd, xz.
# PyPI: msoffcrypto-tool 6, python-docx, python-pptx, openpyxl, XlsxWriter, ziglang (for Windows and macOS), fonttools.
set -eu

# Office programs -----------------------------------------------------------------------------------------------------
printf 'A small text.\n' > text.txt
printf 'a,b\n1,2\n' > sheet.csv
echo '<math xmlns="http://www.w3.org/1998/Math/MathML"><mi>x</mi><mo>=</mo><mn>1</mn></math>' > formula.mml
cat > drawing.fodg <<'END'
<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.graphics"><office:body><office:drawing><draw:page draw:name="p"><draw:frame svg:width="5cm" svg:height="2cm" svg:x="1cm" svg:y="1cm"><draw:text-box><text:p>One</text:p></draw:text-box></draw:frame></draw:page></office:drawing></office:body></office:document>
END
sed -e 's/opendocument.graphics/opendocument.presentation/; s/office:drawing>/office:presentation>/g' drawing.fodg > show.fodp
office() { file=$1; shift; for filter; do soffice --headless --convert-to "$filter" "$file"; done; }
office text.txt odt docx doc rtf pdf ott dotx 'docm:MS Word 2007 XML VBA' epub
office sheet.csv ods xlsx xls fods xltx xlt 'xlsm:Calc MS Excel 2007 VBA XML'
office show.fodp odp pptx ppt potx 'ppsx:Impress MS PowerPoint 2007 XML AutoPlay' 'pptm:Impress MS PowerPoint 2007 XML VBA'
office drawing.fodg odg
office formula.mml odf
xz -9 show.ppt                                                                  # 448 KiB, most of them zero
python - <<'END'
# LibreOffice writes twelve layouts into each presentation: without the last nine it is 20 KB or less
import glob, re, zipfile
for name in glob.glob("show.p*x") + ["show.pptm"]:
    with zipfile.ZipFile(name) as package:
        parts = [(part, package.read(part)) for part in package.infolist()]
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as package:
        for part, content in parts:
            if not re.search(r"slideLayout([4-9]|1.)\.xml", part.filename):
                package.writestr(part, content)

import docx, openpyxl, pptx, xlsxwriter
# the templates of these two are of Word and PowerPoint
document = docx.Document()
for part in [part for part in document.part.package.iter_parts() if "stylesWithEffects" in part.partname]:
    part._blob = b"<styles/>"
document.styles.element[:] = []
document.save("python-docx.docx")
slides = pptx.Presentation()
for layout in list(slides.slide_layouts)[1:]:
    slides.slide_layouts.remove(layout)
slides.save("python-pptx.pptx")
openpyxl.Workbook().save("openpyxl.xlsx")
with xlsxwriter.Workbook("xlsxwriter.xlsx") as workbook:
    workbook.add_worksheet()
END
for name in text.docx sheet.xlsx python-pptx.pptx; do msoffcrypto-tool -e -p secret $name encrypted.${name##*.}; done
ssconvert sheet.csv gnumeric.gnumeric
ssconvert -T Gnumeric_XmlIO:sax:0 sheet.csv plain.gnumeric
ssconvert -T Gnumeric_Excel:excel_biff7 sheet.csv excel95.xls
ssconvert -T Gnumeric_Excel:excel_dsf sheet.csv excel95-97.xls
ssconvert sheet.csv gnumeric.xlsx
ssconvert sheet.csv gnumeric.ods
for type in abw odt docx rtf doc; do abiword --to=$type -o abiword.$type text.txt; done     # abiword.doc is RTF

# Cameras, phones and encoders ------------------------------------------------------------------------------------------
picture="-f lavfi -i testsrc2=size=64x48:rate=10"
sound="-f lavfi -i sine=frequency=440:sample_rate=44100"
h264="-t 0.3 -c:v libx264 -pix_fmt yuv420p -preset ultrafast -crf 45 -x264-params sei=0 -c:a aac -b:a 24k"
aac="-t 0.3 -c:a aac -b:a 24k"
ff() { ffmpeg -loglevel error -y -bitexact "$@"; }
ff $picture $sound $h264 isom.mp4
ff $picture $sound $h264 -movflags +faststart faststart.mp4
ff $picture $sound $h264 -movflags +frag_keyframe+empty_moov fragmented.mp4
ff $picture $sound $h264 -movflags +dash+frag_keyframe+empty_moov+default_base_moof dash.mp4
ff $picture $sound $h264 -f psp psp.mp4
ff $picture $sound $h264 -f ipod itunes.m4v
ff $picture $sound $h264 iphone.mov
ff $picture $sound $h264 -movflags +faststart faststart.mov
ff $picture $sound $h264 h264.3gp
ff $picture $sound $h264 h264.3g2
ff $picture $sound $h264 -f f4v flash.f4v
ff $picture $sound $h264 matroska.mkv
ff $picture $sound $h264 broadcast.ts
ff $picture $sound $h264 -mpegts_m2ts_mode 1 camcorder.mts
ff $picture -t 0.3 -c:v libx265 -x265-params log-level=none -tag:v hvc1 -preset ultrafast hevc.mp4
ff $picture -t 0.2 -c:v libaom-av1 -cpu-used 8 av1.mp4
ff $picture -t 0.3 -s 128x96 -c:v h263 phone.3gp
ff $sound $aac itunes.m4a
ff $sound $aac -f mp4 isom.m4a
ff $sound $aac -f 3gp 3gp4.m4a
ff $sound $aac -f ipod book.m4b
ff $sound -t 0.1 -ar 8000 -c:a alac alac.m4a
ff $sound $aac adts.aac
ff $sound $aac -write_id3v2 1 -metadata title=A tagged.aac
ff $sound $aac -f latm loas.aac
ff $sound -t 0.3 -c:a libmp3lame -b:a 32k -metadata title=A tagged.mp3
ff $sound -t 0.3 -c:a libmp3lame -b:a 32k -id3v2_version 0 -write_xing 0 bare.mp3
ff $sound -t 0.3 -c:a libmp3lame -b:a 32k -id3v2_version 0 -write_id3v1 1 -metadata title=A id3v1.mp3
ff $sound -t 0.3 -ar 22050 -c:a libmp3lame -q:a 9 mpeg2vbr.mp3
ff $sound -t 0.3 -ar 11025 -c:a libmp3lame -b:a 16k mpeg25.mp3
ff $sound -t 0.3 -c:a mp2 -b:a 32k -ac 1 -f mp2 layer2.mp3
ff $sound -t 0.1 -ar 8000 -c:a flac flac.flac
ff $sound -t 0.3 -c:a libvorbis -q:a 0 vorbis.ogg
ff $sound -t 0.1 -ar 8000 -c:a flac flac.oga
ff $sound -t 0.3 -c:a libspeex -ar 16000 speex.oga
ff $sound -t 0.3 -c:a libopus -b:a 16k opus.opus
ff $picture $sound -t 0.3 -c:v libtheora -q:v 1 -c:a libvorbis -q:a 0 theora.ogv
ff $picture $sound -t 0.3 -c:v libvpx -b:v 30k -c:a libvorbis -q:a 0 vp8.webm
ff $picture $sound -t 0.3 -c:v libvpx-vp9 -b:v 30k -c:a libopus -b:a 16k vp9.webm
ff $sound -t 0.3 -c:a libopus -b:a 16k -f webm opus.weba
ff $sound -t 0.3 -c:a libopus -b:a 16k opus.mka
ff $picture $sound -t 0.3 -c:v mpeg4 -q:v 20 -c:a libmp3lame -b:a 32k xvid.avi
ff $picture -t 0.3 -c:v mjpeg -q:v 20 camera.avi
ff $picture $sound -t 0.3 -c:v mpeg2video -q:v 20 -c:a mp2 -b:a 32k -ac 1 dvd.mpg
ff $picture $sound -t 0.3 -c:v mpeg1video -r 25 -q:v 20 -c:a mp2 -b:a 32k -ac 1 vcd.mpeg
ff $picture -t 0.3 -c:v mpeg2video -q:v 20 -f mpeg2video elementary.mpg
ff $picture $sound -t 0.3 -c:v wmv2 -q:v 20 -c:a wmav2 -b:a 32k media.wmv
ff $sound -t 0.3 -c:a wmav2 -b:a 32k media.wma
ff $picture $sound -t 0.3 -c:v flv -q:v 20 -ar 22050 -c:a libmp3lame -b:a 32k flash.flv
ff $sound -t 0.05 -ar 8000 -rf64 always rf64.wav
ff $sound -t 0.1 -c:a adpcm_ima_wav -ar 8000 adpcm.wav
ff $sound -t 0.3 -c:a libmp3lame -b:a 32k mp3.wav
ff $sound -t 0.05 -ar 8000 pcm.aiff
ff $picture -frames:v 1 -c:v libaom-av1 -cpu-used 8 still.avif
ff $picture -t 0.3 -c:v libaom-av1 -cpu-used 8 moving.avif
ff $picture -frames:v 1 frame.png
heif-enc -q 30 frame.png -o libheif.heic
heif-enc -A -q 30 frame.png -o libheif.avif

# Archives and programs -------------------------------------------------------------------------------------------------
7z a -bso0 seven.7z text.txt
7z a -bso0 -psecret -mhe encrypted.7z text.txt
zstd -q text.txt -o text.zst
echo 'int answer(void){return 42;}' > answer.c
gcc -shared -nostdlib -Os -s -Wl,-z,noseparate-code -Wl,--build-id=none -o gcc.so answer.c
python -m ziglang cc -target x86_64-windows-gnu -shared -nostdlib -Os -s -Wl,--entry=answer -o zig.dll answer.c
python -m ziglang cc -target x86_64-windows-gnu -nostdlib -Os -s -Wl,--entry=answer -o zig.exe answer.c
python -m ziglang cc -target x86_64-macos -shared -Os -s -o macos.so answer.c
python - <<'END'
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib.tables._g_l_y_f import Glyph
builder = FontBuilder(1000, isTTF=True)
builder.setupGlyphOrder([".notdef"])
builder.setupCharacterMap({})
builder.setupGlyf({".notdef": Glyph()})
builder.setupHorizontalMetrics({".notdef": (500, 0)})
builder.setupHorizontalHeader()
builder.setupNameTable({"familyName": "A", "styleName": "R"})
builder.setupOS2()
builder.setupPost()
builder.save("font.ttf")
for flavor in "woff", "woff2":
    builder.font.flavor = flavor
    builder.save("font." + flavor)
END
rm -f *.mml *.fodp *.csv drawing.fodg frame.png answer.c *.lib *.pdb text.txt
