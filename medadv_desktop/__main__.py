"""``python -m medadv_desktop`` is the ``medadv`` command."""

from medadv_desktop.cli import main

if __name__ == "__main__":
    main()
