"""``python -m voicetrainer``."""

from voicetrainer.cli import main

if __name__ == "__main__":
    main()
